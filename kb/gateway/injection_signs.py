"""What texts say that is meant for a model and not for a reader, by flag, with the flag's weight.

A flag alone is weak where manuals say the like, too: those add up, and what nobody tells a reader
counts for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """Looked for in text in lower case, without invisible characters, its white space shortened.

    Every repetition is bounded, so that to look takes time linear in the text.
    """

    needs: tuple[str, ...]
    """One of these is in all that it finds; texts without them are passed over quickly."""

    pattern: str
    """A blank in it is any white space."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a flag stands for."""

    weight: float
    phrases: tuple[Phrase, ...] = ()
    """None where the sign is in the characters, which `kb.gateway.guardrails` looks at."""


def _said(beginnings: str, rest: str) -> Phrase:
    """A phrase that begins with one of these words, or beginnings of words."""
    words = tuple(word.replace("_", " ") for word in beginnings.split())
    return Phrase(words, rf"\b(?:{'|'.join(map(re.escape, words))}){rest}".replace("\\ ", " "))


def _written(needs: str, pattern: str) -> Phrase:
    return Phrase(tuple(needs.split()), pattern)


_ORDERS = r"(?:instructions?|prompts?|directions?|rules?|guidelines?|commands?)\b"
_EARLIER = (
    r"(?:all|any|every|everything|the|of|these|those|and|your|previous|prior|preceding|above|earlier"
    r"|former|original)"
)

SIGNS: Mapping[str, Sign] = {
    "override": Sign(
        0.6,
        (
            _said("ignore disregard forget override", rf" (?:{_EARLIER} ){{1,6}}{_ORDERS}"),
            _said(
                "ignore disregard forget",
                r" (?:everything|all|anything) (?:above|before|you were told|that came before)",
            ),
            _said(
                "do_not_follow do_not_obey don't_follow don't_obey stop_following stop_obeying",
                rf" (?:{_EARLIER} ){{1,4}}{_ORDERS}",
            ),
            _said(
                "ignorier vergiss missacht übergeh verwirf",
                r"\w{0,4} (?:(?:bitte|sie|sofort|nun|jetzt|alle|alles|die|deine|ihre|sämtliche"
                r"|vorherigen|vorigen|bisherigen|obigen|früheren|vorangegangenen|ursprünglichen|und)"
                r" ){1,6}(?:anweisung|instruktion|vorgabe|regel|befehl|aufforderung|prompt)",
            ),
            _said(
                "ignor oubli néglig neglig désobé desobe outrepass",
                r"\w{0,6} (?:(?:toutes|tous|tout|les|vos|tes|ces|des|et) ){0,4}"
                r"(?:(?:précédentes|precedentes|antérieures|anterieures) )?"
                r"(?:instructions?|consignes?|directives?|règles|regles|ordres) "
                r"(?:précédent|precedent|antérieur|anterieur|ci-dessus|initial|du système|système)",
            ),
            _said(
                "oubli ignor", r"\w{0,4} (?:toutes )?(?:tes|vos) (?:instructions|consignes|règles)"
            ),
            _said(
                "ignor olvid descart desobedec haz_caso_omiso",
                r"\w{0,5} (?:(?:de|a|todas|todos|todo|las|los|tus|sus|estas|anteriores|previas) )"
                r"{1,5}(?:instrucciones|indicaciones|órdenes|ordenes|reglas|directrices)",
            ),
            _said(
                "ignora ignori dimentica trascura",
                r"\w{0,3} (?:(?:tutte|tutti|le|i|gli|tue|vostre|precedenti) ){1,4}"
                r"(?:istruzioni|indicazioni|regole|direttive)",
            ),
            _said(
                "ignore ignora esqueça esqueca desconsidere",
                r" (?:(?:todas|todos|as|os|suas|tuas|anteriores) ){1,4}"
                r"(?:instruções|instrucoes|regras|orientações|diretrizes)",
            ),
            _said(
                "negeer vergeet",
                r" (?:(?:alle|al|de|je|uw|jouw|vorige|voorgaande|eerdere) ){1,5}"
                r"(?:instructies|opdrachten|regels|aanwijzingen)",
            ),
            _said(
                "игнорируй забудь", r"\w{0,3} (?:\w{1,12} ){1,4}(?:инструкци|указани|правил|команд)"
            ),
            _written(
                "忽略 忽視 忽视 無視 无视 忘记 忘記",
                r"(?:忽略|忽視|忽视|無視|无视|忘记|忘記)[^。]{0,12}(?:指令|指示|提示|规则|規則|说明)",
            ),
            _written(
                "指示 命令 プロンプト",
                r"(?:以前|前|上記|これまで)の(?:すべての|全ての)?(?:指示|命令|プロンプト)[^。]{0,6}"
                r"(?:無視|忘れ)",
            ),
        ),
    ),
    "role_tags": Sign(
        0.6,
        (
            _written(
                "<| <\uff5c",
                r"<[|\uff5c] ?(?:im_start|im_end|im_sep|system|user|assistant|tool|end|start|begin"
                r"|message|channel|eot_id)",
            ),
            _written("[inst [/inst", r"\[/?inst\]"),
            _written("<<sys <</sys", r"<</?sys>>"),
            _written(
                "<system <assistant <human <instructions <start_of_turn <end_of_turn",
                r"<(?:system|assistant|human|instructions|system_prompt|start_of_turn|end_of_turn)>",
            ),
            _written("#", r"(?:^|\n) ?#{1,4} ?(?:system|assistant|instruction|human) ?:"),
        ),
    ),
    "exfiltrating_image": Sign(
        0.5,
        (
            _written(
                "![",
                r"!\[[^\]\[\n]{0,200}\]\( ?<?https?://[^)(\[\s!?&]{1,300}"
                r"[?&][^)(\[\s!=]{1,60}=(?:[{<$)\[]|%7b)",
            ),
        ),
    ),
    "secrecy": Sign(
        0.4,
        (
            _said(
                "do_not don't never without",
                r" (?:tell|inform|mention|reveal|alert|notify)(?:ing)? "
                r"(?:this |it |that |any of this )?(?:to )?(?:the |your )?(?:user|human)\b",
            ),
            _said(
                "reveal print repeat output show leak disclose",
                r" (?:me )?(?:(?:your|the|full|entire|hidden|secret|all|initial) ){1,4}"
                r"(?:system prompt|system message|instructions|prompt|api keys?|credentials)\b",
            ),
            _said(
                "sag verrat erwähn",
                r"\w{0,3} (?:sie )?(?:es |das |dies )?(?:dem|den|der) "
                r"(?:nutzer|benutzer|anwender)\w{0,2} (?:nicht|nichts)",
            ),
            _said(
                "gib zeig nenn verrat",
                r"\w{0,2} (?:mir )?(?:deinen|deine|ihren) (?:system ?prompt|anweisungen)",
            ),
            _said(
                "ne_dis ne_dites ne_révèle ne_révélez ne_mentionne ne_mentionnez",
                r" (?:rien|pas|jamais)[^.]{0,20}utilisateur",
            ),
            _said(
                "révèle révélez affiche affichez",
                r" (?:\w{1,6} ){0,3}(?:instructions|prompt|consignes)",
            ),
            _said(
                "no_digas no_diga no_le_digas no_le_diga nunca_digas no_menciones no_reveles",
                r"[^.]{0,20}usuario",
            ),
            _said("revela muestra imprime", r" (?:\w{1,9} ){0,3}(?:instrucciones|prompt)"),
        ),
    ),
    "tool_syntax": Sign(
        0.4,
        (
            _written(
                "<tool <function <invoke <antml",
                r"<(?:tool_calls?|function_calls?|function_results?|invoke|tool_response|tool_use|antml"
                r"|function)\b",
            ),
            _written(
                "tool_calls function_call", r"\[tool_calls\]|\"(?:tool_calls|function_call)\" ?:"
            ),
            _written(
                "arguments parameters input",
                r"\{ ?\"(?:name|function|tool)\" ?: ?\"[\w.-]{1,64}\" ?, ?"
                r"\"(?:arguments|parameters|input)\" ?:",
            ),
            _written("knowledge_base_retrieval", r"\bknowledge_base_retrieval ?\("),
            _said(
                "call invoke use run",
                r" (?:the )?(?:tool|function) [\"'`]?[\w.-]{1,64}[\"'`]? with\b",
            ),
        ),
    ),
    "hidden_text": Sign(
        0.4,
        (
            _written(
                "style",
                r"\bstyle ?= ?[\"'][^\"'<>]{0,300}(?:display ?: ?none|visibility ?: ?hidden"
                r"|font-size ?: ?[01](?:px|pt|em|%|;|\"|')|opacity ?: ?0(?:;|\"|'|\.0)"
                r"|color ?: ?(?:white|#fff(?:fff)?\b|transparent))",
            ),
            _written(
                "hidden", r"<[a-z][a-z0-9]{0,15}(?: [^<>]{0,300})? (?:aria-)?hidden(?:=| |/|>)"
            ),
        ),
    ),
    "hidden_characters": Sign(0.4),
    "persona": Sign(
        0.3,
        (
            _said("you_are_now you_are_no_longer", r" "),
            _said("from_now_on", r",? you (?:are|will|must|only|act|answer|respond)\b"),
            _said("pretend imagine", r" (?:to be|that you are|you are) "),
            _said(
                "new updated real actual",
                r" (?:system )?(?:instructions?|prompt|task|orders?) ?:",
            ),
            _said("developer debug god jailbreak dan", r" mode\b"),
            _said("du_bist sie_sind", r" (?:jetzt|nun|ab sofort|ab jetzt) "),
            _said("ab_jetzt ab_sofort", r" (?:bist|antwortest|wirst) du\b"),
            _said("neue", r" (?:system)?(?:anweisung|anweisungen|instruktionen) ?:"),
            _said("tu_es vous_êtes", r" (?:maintenant|désormais) "),
            _said("nouvelles", r" (?:instructions|consignes) ?:"),
            _said("ahora_eres", r" "),
            _said("a_partir_de_ahora", r",? (?:eres|debes|responde)\b"),
            _said("nuevas_instrucciones", r" ?:"),
            _written("system assistant developer", r"(?:^|\n) ?(?:system|assistant|developer) ?: "),
        ),
    ),
    "sends_data": Sign(
        0.3,
        (
            _said(
                "send post upload forward transmit append submit exfiltrate",
                r" [^.]{1,80}\b(?:to|at|into) (?:the )?(?:url|webhook|endpoint|https?://)",
            ),
            _said("sende schicke übermittle", r" [^.]{1,80}(?:url|https?://)"),
            _said("envoie transmets transmettez", r"\w{0,2} [^.]{1,80}(?:url|https?://)"),
            _said("envoyez envía envia manda transmite", r" [^.]{1,80}(?:url|https?://)"),
        ),
    ),
    "encoded": Sign(
        0.2,
        (
            _written(r"\x", r"(?:\\x[0-9a-f]{2}){40,60}"),
            _written(r"\u", r"(?:\\u[0-9a-f]{4}){40,60}"),
            _written("&#", r"(?:&#x?[0-9a-f]{2,6};){20,40}"),
        ),
    ),
    "remote_image": Sign(
        0.1,
        (
            _written("![", r"!\[[^\]\[\n]{0,200}\] ?\( ?<?(?:https?:)?//"),
            _written("<img", r"<img\b[^<>]{0,500}\bsrc ?= ?[\"']?(?:https?:)?//"),
        ),
    ),
}

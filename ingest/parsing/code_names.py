"""Which file names are source code, configuration or a style sheet."""

from __future__ import annotations

from pathlib import PurePath

_SUFFIXES = """
    adb ads asm awk bash bat bicep c cc cfg cjs clj cljs cmake cmd coffee conf cpp cr cs css csx cts
    cu cxx d dart diff edn el elm env erl ex exs f f03 f90 f95 fish for fs fsi fsx go gql gradle
    graphql groovy h hbs hcl hh hpp hrl hs hxx ini ino java jl js json5 jsonc jsx kt kts less lisp
    lua m mjs mk ml mli mm mts nim nix nu pas patch php pl pm prisma proto ps1 psd1 psm1 purs py pyi
    pyx r rb rkt rs s sass scala scm scss sh sol sql sty styl sv swift tcl tf tfvars thrift toml ts
    tsx v vb vbs vhd vhdl vim vue yaml yml zig zsh properties svelte astro
"""
_NAMES = """
    brewfile build.bazel cmakelists.txt containerfile dockerfile gemfile gnumakefile jenkinsfile
    justfile makefile procfile rakefile vagrantfile .bashrc .dockerignore .editorconfig .env
    .gitattributes .gitconfig .gitignore .npmrc .profile .vimrc .zshrc
"""


_KNOWN_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
_KNOWN_NAMES = frozenset(_NAMES.split())


def is_code(name: str) -> bool:
    """Whether a file of this name holds code; a name tells nothing of what the bytes are."""
    path = PurePath(name.lower())
    return path.suffix in _KNOWN_SUFFIXES or path.name in _KNOWN_NAMES

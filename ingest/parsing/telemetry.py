"""Libraries that report their use to their makers are told not to."""

OPT_OUT = {
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "true",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
}
"""For the environment of every process that parses, and of no other."""

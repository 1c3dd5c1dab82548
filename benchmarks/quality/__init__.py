"""How well the service finds: public data sets through its API, beside published figures."""

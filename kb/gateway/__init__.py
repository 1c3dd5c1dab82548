"""The inference gateway: chat APIs whose model searches knowledge bases during its turn."""

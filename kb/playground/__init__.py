"""The playground's notebooks served behind the same keys as the API."""

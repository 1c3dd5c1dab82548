"""The MCP door: the same retrieval as a tool."""

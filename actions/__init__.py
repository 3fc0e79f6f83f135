"""Custom actions of the assistant, one file a flow. Pure: no network, no database, no clock."""

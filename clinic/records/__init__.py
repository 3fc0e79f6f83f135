"""All durable data: the database, its models and migrations, encryption and the audit chain."""

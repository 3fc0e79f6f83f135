"""The clinic service: the front door, the record, the alerts and the pages for staff."""

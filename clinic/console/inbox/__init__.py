"""What needs me: the caseload, the queue of alerts, what to follow up."""

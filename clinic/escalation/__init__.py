"""From a risk message to a named human's recorded outcome: state machine, policy, on call."""

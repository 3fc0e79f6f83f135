"""The clinician's desk: sign-in, alerts, transcripts, hand-off, and who read what."""

"""The patient's journal: questions to begin from, entries, their history, who may read them."""

"""The only code that imports Rasa: channel, components, policy, stores and launcher."""

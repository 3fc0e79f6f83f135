"""How staff come in: invitation, password, phone, codes on paper, and how often it may be tried."""

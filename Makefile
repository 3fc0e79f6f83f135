# Everything a person does with this project, as one word each.
SHELL := /bin/bash
PATH := $(CURDIR)/.tools/uv/bin:$(PATH)
export PATH
ASSISTANT := RASA_TELEMETRY_ENABLED=false TF_CPP_MIN_LOG_LEVEL=3 SQLALCHEMY_SILENCE_UBER_WARNING=1 bot/rasa/.venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast check mutations bench safety-report opinion train validate stories shell induction screenshots clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Set up everything (both environments, front end, model); skips what is done
	@bin/setup

run: setup ## Set up and start everything with a demo clinic; Ctrl-C stops it
	@.venv/bin/afterglow run

test: ## Set up and run every test
	@bin/setup --test
	@.venv/bin/python bin/test

test-fast: setup ## The tests without assistant, browser, PostgreSQL and validators (under a minute)
	@.venv/bin/python -m pytest -m "not assistant and not browser and not services" tests

check: setup ## Lint, types, dependency directions, content lint
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@cd web && npm run --silent check && npm test --silent
	@.venv/bin/python -m pytest tests/unit/test_layout.py tests/unit/test_content_lint.py

mutations: setup ## Try known-bad patches on a copy; a named test must notice each
	@.venv/bin/python -m tests.mutations

bench: setup ## Print the speed figures (ratios; takes some minutes)
	@.venv/bin/python -m bench

safety-report: train ## Write docs/clinical/safety-report.md and .json anew
	@.venv/bin/python tests/risk/safety_report.py

opinion: setup ## Learn the second opinions on risk anew (DATA=folder with the public sets, ONLY=one of them)
	@bot/rasa/.venv/bin/python -m bot.rasa.opinion $(DATA) $(ONLY)

train: setup ## Train the assistant's model if anything it learns from changed
	@.venv/bin/afterglow train

validate: setup ## Check the assistant's data the way Rasa does, warnings are errors
	@$(ASSISTANT) -m rasa data validate --fail-on-warnings --data data/nlu data/rules data/stories

stories: setup ## Run the assistant's end-to-end stories
	@$(ASSISTANT) -m rasa test core --e2e --fail-on-prediction-errors --stories tests/rasa/stories --out artefacts/rasa

shell: setup ## Talk to the assistant alone in the terminal (dialogue authors)
	@bin/shell

induction: setup ## Write docs/clinical/induction.md: one patient's six infusions, as said
	@.venv/bin/afterglow converse docs/clinical/induction.yaml --page docs/clinical/induction.md

screenshots: setup ## Take the README's pictures from the running system
	@.venv/bin/python -m pytest tests/browser/test_whole_path.py
	@mkdir -p docs/pictures
	@cp artefacts/room-reflection-light.png docs/pictures/widget.png
	@cp artefacts/room-seen-dark.png docs/pictures/widget-dark.png
	@cp artefacts/desk-transcript-light.png docs/pictures/console.png
	@.venv/bin/python -m tests.browser.album artefacts/album

clean: ## Remove what was built (not var/, where the data is)
	@rm -rf .venv bot/rasa/.venv bot/rasa/nlp .tools web/node_modules tests/validators/node_modules clinic/static models .mypy_cache .ruff_cache .pytest_cache

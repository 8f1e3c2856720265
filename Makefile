# The two commands are `make demo` and `make test`; what they do is in tools/.
PYTHON ?= python3

.PHONY: demo install test lint unit real window bench clean

demo:      ## installs what is missing, opens the panel on a real local fleet
	@$(PYTHON) tools/demo.py

install:   ## the same without opening a window
	@$(PYTHON) tools/demo.py --install-only

test:      ## everything, real servers and real windows included
	@$(PYTHON) tools/suite.py

lint unit real window bench:   ## one stage of the suite
	@$(PYTHON) tools/suite.py $@

clean:     ## removes what the commands above made in this folder
	rm -rf .venv .tools .cache .install.lock .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The front door. CMake does the work; `cmake --list-presets` shows the other builds.
BUILD ?= build
PRESET ?= release

.PHONY: all demo test test-long bench lint format install clean deps

all: deps
	@cmake --preset $(PRESET) -B $(BUILD) -DIGATA_TESTS=OFF >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }; rm -f $(BUILD).log
	@cmake --build $(BUILD)

deps:
	@scripts/deps build

# Classifies a picture with a trained model.
demo: all
	@echo '$$ igata run examples/digits/digits.onnx -i picture=examples/digits/pictures/3.png --labels examples/digits/labels.txt --top 3'
	@$(BUILD)/igata run examples/digits/digits.onnx -i picture=examples/digits/pictures/3.png --labels examples/digits/labels.txt --top 3

# Builds and passes the whole test suite: unit tests, conformance, sanitizers, fuzzing for a minute.
test:
	@scripts/deps test
	@python3 tests/run.py

# What takes longer than a coffee: many random cases, longer fuzzing.
test-long:
	@scripts/deps test
	@python3 tests/run.py --long

# Beside onnxruntime and OpenVINO; the first run makes its models and installs the engines in .venv-bench.
bench:
	@scripts/deps test
	@cmake --preset $(PRESET) -B $(BUILD) -DIGATA_TESTS=ON >/dev/null
	@cmake --build $(BUILD)
	@python3 bench/run.py

lint:
	@scripts/deps test
	@scripts/lint

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: all
	@cmake --install $(BUILD)

clean:
	rm -rf build

#!/bin/sh
# Install what some tests need besides Python packages: a browser with its driver, and graphviz. Only as root, where
# apt-get is, and never a reason to fail: tests without their program are skipped, and say so.
have() { command -v "$1" > /dev/null; }
have chromium && have chromedriver && have dot && exit 0
if [ "$(id -u)" != 0 ] || ! have apt-get; then
    echo "Not all of chromium, chromedriver and graphviz is here: the tests that need them are skipped."
    exit 0
fi
echo "Installing chromium and graphviz, for the tests of pictures ..."
export DEBIAN_FRONTEND=noninteractive
{
    timeout 120 apt-get update &&
        timeout 300 apt-get install --yes --no-install-recommends chromium chromium-driver fonts-dejavu-core graphviz
} > /dev/null 2>&1 || echo "They could not be installed: the tests that need them are skipped."
exit 0

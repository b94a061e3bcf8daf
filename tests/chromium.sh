#!/bin/sh
# The page tests need Chromium. Install it where that is possible without asking (as root on Debian and its kin);
# otherwise say how, and let those tests report themselves as skipped.
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing chromium for the page tests"
  (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) >/dev/null 2>&1 && exit 0
fi
echo "the page tests will be skipped: install Chromium to run them (Debian, Ubuntu: sudo apt install chromium)"

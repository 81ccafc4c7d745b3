#!/usr/bin/env bash
# Prints the apt source of a Debian release's backports, made from the machine's own sources: same mirror, same key,
# same options, only the suite differs. Nothing here names a host.
#
#   scripts/backports.sh CODENAME [APT_DIR]      CODENAME e.g. bookworm, APT_DIR /etc/apt by default
#
# First line: "sources" (deb822) or "list" (one line), the file name's ending; then its text. Exit code 1 where the
# sources do not name the release itself.
set -euo pipefail

codename=$1
apt=${2:-/etc/apt}
shopt -s nullglob
lists=("$apt"/sources.list "$apt"/sources.list.d/*.list)
stanzas=("$apt"/sources.list.d/*.sources)

# deb822: the first enabled `deb` stanza that has the release as a suite. Every field but the suites and the
# components is kept as it is, with its continuation lines (a key may be written out in Signed-By).
from_deb822() {
  awk -v suite="$codename" '
    function flush() {
      if (!found && binary && enabled && wanted) { printf "%s", text; found = 1 }
      text = ""; binary = 0; enabled = 1; wanted = 0; skip = 0
    }
    function lists(value, word,   i, n, parts) {
      n = split(value, parts, /[ \t]+/)
      for (i = 1; i <= n; i++) if (parts[i] == word) return 1
      return 0
    }
    BEGIN { flush() }
    FNR == 1 || /^[ \t]*\r?$/ { flush(); if ($0 ~ /^[ \t]*\r?$/) next }
    /^#/ { next }
    /^[ \t]/ { if (!skip) text = text $0 "\n"; if (field == "suites" && lists($0, suite)) wanted = 1; next }
    {
      field = tolower($0); sub(/:.*/, "", field)
      value = $0; sub(/^[^:]*:[ \t]*/, "", value)
      skip = 1
      if (field == "types") { binary = lists(value, "deb"); text = text "Types: deb\n" }
      else if (field == "suites") { wanted = lists(value, suite); text = text "Suites: " suite "-backports\n" }
      else if (field == "components") text = text "Components: main\n"
      else if (field == "enabled") enabled = (tolower(value) !~ /^(no|false|without|off|disable|0)/)
      else { skip = 0; text = text $0 "\n" }
    }
    END { flush(); exit !found }
  ' "$@"
}

# One line: `deb [options] URI suite components`.
from_list() {
  awk -v suite="$codename" '
    $1 == "deb" {
      line = $0; sub(/[ \t]*#.*/, "", line)
      options = ""
      if (match(line, /\[[^]]*\]/)) { options = substr(line, RSTART, RLENGTH) " "; line = substr(line, RSTART + RLENGTH) }
      else sub(/^[ \t]*deb[ \t]+/, "", line)
      n = split(line, word, " ")
      if (n >= 3 && word[2] == suite) { print "deb " options word[1] " " suite "-backports main"; found = 1; exit }
    }
    END { exit !found }
  ' "$@"
}

existing=()
for file in "${lists[@]}"; do if [ -f "$file" ]; then existing+=("$file"); fi; done

if [ ${#stanzas[@]} -gt 0 ] && text=$(from_deb822 "${stanzas[@]}"); then
  printf 'sources\n%s\n' "$text"
elif [ ${#existing[@]} -gt 0 ] && text=$(from_list "${existing[@]}"); then
  printf 'list\n%s\n' "$text"
else
  echo "no apt source under $apt has the suite $codename" >&2
  exit 1
fi

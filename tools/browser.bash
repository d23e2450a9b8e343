# A headless Chromium to talk to: its DevTools protocol over a pipe, a JSON message and a zero byte at a time.
# Source it, then browser_start FOLDER; browser_open URL WIDTH HEIGHT; browser_eval SCRIPT; browser_stop.

browser_start() {  # FOLDER: an empty one, for the profile and all that the browser says (FOLDER/said)
  command -v chromium >/dev/null || {
    echo "skipped: there is no chromium (tools/setup.sh chromium installs it)"
    exit 77
  }
  browser_folder=$1 browser_number=0 browser_session=
  mkfifo "$1/to" "$1/from"
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --user-data-dir="$1/profile" \
    --disable-background-networking --disable-component-update --remote-debugging-pipe about:blank \
    3<"$1/to" 4>"$1/from" >/dev/null 2>"$1/log" &
  browser_pid=$!
  exec {browser_to}>"$1/to" {browser_from}<"$1/from"
  browser_call Target.createTarget '{"url":"about:blank"}'
  browser_call Target.attachToTarget "{\"targetId\":\"$(browser_field targetId)\",\"flatten\":true}"
  browser_session=",\"sessionId\":\"$(browser_field sessionId)\""
  local domain
  for domain in Page Runtime Log Network; do browser_call $domain.enable '{}'; done
}

browser_stop() {
  [[ -z ${browser_pid:-} ]] || { kill "$browser_pid" && wait "$browser_pid"; } 2>/dev/null
}

# browser_read PATTERN: up to a message that matches, which is then $browser_said.
browser_read() {
  while IFS= read -r -d '' -t 30 -u "$browser_from" browser_said; do
    printf '%s\n' "$browser_said" >>"$browser_folder/said"
    # shellcheck disable=SC2053  # a pattern
    [[ $browser_said != $1 ]] || return 0
  done
  echo "the browser never said $1; last: $(tail -n 1 "$browser_folder/said" "$browser_folder/log" | cut -c1-300)" >&2
  exit 1
}

browser_call() {  # METHOD PARAMETERS
  browser_number=$((browser_number + 1))
  printf '{"id":%d,"method":"%s","params":%s%s}\0' $browser_number "$1" "$2" "$browser_session" >&"$browser_to"
  browser_read "{\"id\":$browser_number,*"
}

browser_field() {  # NAME: this string of the last answer
  sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/" <<<"$browser_said"
}

# browser_open URL WIDTH HEIGHT: a page of truly so many CSS pixels, loaded anew.
browser_open() {
  browser_call Emulation.setDeviceMetricsOverride "{\"width\":$2,\"height\":$3,\"deviceScaleFactor\":1,\"mobile\":false}"
  browser_call Page.navigate '{"url":"about:blank"}'
  browser_read '*"Page.loadEventFired"*'
  browser_call Page.navigate "{\"url\":\"$1\"}"
  browser_read '*"Page.loadEventFired"*'
}

browser_eval() {  # SCRIPT: sets $browser_value to its value, as text; neither may have " or \ in it
  browser_call Runtime.evaluate "{\"expression\":\"String($1)\",\"returnByValue\":true}"
  browser_value=$(browser_field value)
}

browser_key() {  # KEY CODE: presses it and lets go, such as End 35
  local kind
  for kind in rawKeyDown keyUp; do
    browser_call Input.dispatchKeyEvent "{\"type\":\"$kind\",\"key\":\"$1\",\"code\":\"$1\",\"windowsVirtualKeyCode\":$2}"
  done
}

browser_picture() {  # FILE: what is in view, as a PNG
  browser_call Page.captureScreenshot '{"format":"png"}'
  browser_field data | base64 -d >"$1"
}

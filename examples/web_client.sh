#!/bin/sh
# Upscale a video on a server that `tcnet serve` runs, with curl.
# sh web_client.sh http://127.0.0.1:8000 VIDEO OUTPUT [MODEL]; the token, if there is one, in TCNET_TOKEN.
set -eu
server=${1%/} video=$2 output=$3 model=${4:-tcnet-video}

# $@: more arguments of curl. A refusal is {"error": "one line"}: it is shown, and ends this script.
ask() {
    curl --silent --show-error --fail-with-body ${TCNET_TOKEN:+--header "Authorization: Bearer $TCNET_TOKEN"} "$@"
}
field() { # of a job on standard input; the first that has this name
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1
}
wait_for() { # until the job is in the state $1
    while :; do
        job=$(ask "$server/api/jobs/$id")
        state=$(echo "$job" | field state)
        case $state in
            "$1") return ;;
            refused | failed | cancelled) echo "$state: $(echo "$job" | field error)" >&2; exit 1 ;;
        esac
        sleep 1
    done
}

# The upload, by the tus protocol (https://tus.io): create it, ask how much is there, send the rest.
size=$(wc -c < "$video" | tr -d ' ')
name=$(basename "$video" | tr -d '\n' | base64 | tr -d '\n')
location=$(ask --request POST --dump-header - --output /dev/null \
    --header 'Tus-Resumable: 1.0.0' --header "Upload-Length: $size" --header "Upload-Metadata: filename $name" \
    "$server/api/uploads" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
tries=0
while :; do
    offset=$(ask --head --header 'Tus-Resumable: 1.0.0' "$server$location" | tr -d '\r' |
        sed -n 's/^[Uu]pload-[Oo]ffset: //p')
    [ "$offset" -lt "$size" ] || break
    tail -c +$((offset + 1)) "$video" | ask --request PATCH --header 'Tus-Resumable: 1.0.0' \
        --header "Upload-Offset: $offset" --header 'Content-Type: application/offset+octet-stream' \
        --upload-file - "$server$location" || { tries=$((tries + 1)); [ $tries -lt 5 ] || exit 1; sleep 2; }
done

id=${location##*/}
ask --json "{\"upload\": \"$id\", \"model\": \"$model\"}" --output /dev/null "$server/api/jobs"
wait_for planned
ask --request POST --output /dev/null "$server/api/jobs/$id/start"
wait_for done
ask --continue-at - --output "$output" "$server/api/jobs/$id/result"
ask --request DELETE "$server/api/jobs/$id"
echo "$output"

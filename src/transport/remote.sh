# cowhand's functions on a server. Everything that runs there is one of these.
# POSIX sh with coreutils or busybox; nothing is installed, and what only looks writes nothing.
#
# Each request runs in a subshell of its own: functions may exit, change folder and set traps.
# Standard input is the request's payload, or empty; never the stream that requests come on.

# --- frames ---------------------------------------------------------------------------------------

# open_session NONCE: what must be there, once.
open_session() {
	nonce=$1
	PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	unset CDPATH IFS
	lacking=
	for tool in base64 sha256sum stat mktemp readlink; do
		command -v "$tool" >/dev/null 2>&1 || lacking="$lacking $tool"
	done
	if [ -n "$lacking" ]; then
		printf '\n%s lacks%s\n' "$nonce" "$lacking"
		exit 1
	fi
	printf '\n%s ready\n' "$nonce"
}

# answer NUMBER FUNCTION ARGUMENT…: runs it and tells stdout, stderr and exit status, without a
# temporary file. 3 is the real stdout, 4 collects the status, stderr waits in a variable.
answer() {
	printf '%s begin %s\n' "$nonce" "$1"
	shift
	{
		rc=$(
			{
				err=$(
					{
						{
							("$@") 3>&- 4>&-
							echo "$?" >&4
						} | base64 >&3 4>&-
					} 2>&1 | base64 4>&-
				)
				printf '%s err\n%s\n' "$nonce" "$err" >&3
			} 4>&1
		)
	} 3>&1
	[ -n "$rc" ] || rc=255
	printf '%s end %s\n' "$nonce" "$rc"
	return "$rc"
}

# decoded FUNCTION ARGUMENT…: hands on its base64 input as bytes.
decoded() {
	base64 -d | "$@"
}

# close_batch: no more answers.
close_batch() {
	printf '%s done\n' "$nonce"
}

# fail WORD…: ends the request with a message.
fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# --- looking: files -------------------------------------------------------------------------------

# --- doing: files and commands --------------------------------------------------------------------

# --- state: owed handlers -------------------------------------------------------------------------

# --- Mailcow: folder, compose, services -----------------------------------------------------------

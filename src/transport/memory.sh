# What cowhand remembers on a server, to be looked at: sent behind remote.sh, and alone with it where nothing
# is asked but questions. What is in the state folder stands in journal.sh, written.sh and confirm.sh.

# --- who is at work, what is open -----------------------------------------------------------------

# read_lock: sets $holder, $who, $since and $lease; fails when there is none.
read_lock() {
	holder= who= since= lease=
	[ -f "$state/lock" ] || return
	{ IFS= read -r holder && IFS= read -r who && IFS= read -r since && IFS= read -r lease; } <"$state/lock" || :
	# Half a lock is one that somebody is just writing, or that a power cut left.
	[ "$lease" ] || lease=60
} 2>/dev/null

# age PATH: seconds since it was changed, by this server's clock.
age() {
	changed=$(stat -c %Y "$1" 2>/dev/null) || return
	echo "$(($(date +%s) - changed))"
}

# probe_journal: the lock, if there is one (`lock`, the run, who, since when, the lease, seconds since it was
# renewed), then each run that has not ended (`open`, the run), what waits to be confirmed, and what runs
# have written; ended by a NUL each.
probe_journal() {
	state_folder
	if read_lock; then
		printf 'lock\n%s\n%s\n%s\n%s\n%s\0' "$holder" "$who" "$since" "$lease" "$(age "$state/lock")"
	fi
	for journal in "$state/runs/"[0-9]*; do
		[ -d "$journal" ] && [ ! -e "$journal/ended" ] || continue
		printf 'open\n%s\0' "${journal##*.}"
	done
	tell_waiting
	tell_written
}

# probe_runs: the runs that are kept, oldest first, in parts that end with a NUL: `run`, its name, then what
# `begun` and `ended` and `manifest` hold; then of each of its steps, `step`, its number, `done`, `undone`
# or nothing, and the record; or `handler`, its number, its name, a NUL and what it did.
probe_runs() {
	state_folder
	for journal in "$state/runs/"[0-9]*; do
		[ -d "$journal" ] || continue
		printf 'run\n%s\n' "${journal##*.}"
		for part in begun ended; do
			{ IFS= read -r first; IFS= read -r second; } 2>/dev/null <"$journal/$part" || :
			printf '%s\n%s\n' "$first" "$second"
			first= second=
		done
		cat "$journal/manifest"
		printf '\0'
		tell_confirmation
		for note in "$journal"/[0-9]*; do
			if [ -e "$note/record" ]; then
				mark=
				[ ! -e "$note/done" ] || mark=done
				[ ! -e "$note/undone" ] || mark=undone
				printf 'step\n%s\n%s\n' "${note##*/}" "$mark"
				cat "$note/record"
				printf '\0'
			elif [ -e "$note/handler" ]; then
				printf 'handler\n%s\n' "${note##*/}"
				cat "$note/handler"
				printf '\0'
				cat "$note/changes"
				printf '\0'
			fi
		done
	done
}

# --- what waits to be confirmed, and what was not --------------------------------------------------

# tell_waiting: for probe_journal: `waits`, the run, until when; `unconfirmed`, the run that came last, when
# it was taken back. Ended by a NUL each.
tell_waiting() {
	for journal in "$state/runs/"[0-9]*; do
		[ ! -e "$journal/armed" ] || printf 'waits\n%s\n%s\0' "${journal##*.}" "$(until_when)"
	done
	[ ! -e "$journal/unconfirmed" ] || [ ! -e "$journal/ended" ] ||
		printf 'unconfirmed\n%s\n%s\0' "${journal##*.}" "$(head -n 1 "$journal/ended")"
}

# tell_confirmation: for probe_runs: `waits` and until when; or `unconfirmed` and the report.
tell_confirmation() {
	if [ -e "$journal/armed" ]; then
		printf 'waits\n%s\0' "$(until_when)"
	elif [ -e "$journal/unconfirmed" ]; then
		printf 'unconfirmed\0'
		cat "$journal/report" 2>/dev/null
	fi
}

# until_when: when the time of the run at $journal is up.
until_when() {
	seconds=$(head -n 1 "$journal/armed")
	echo "$(($(stat -c %Y "$journal/armed") + seconds))"
}

# probe_keeper: what starts a timer again behind a reboot: `systemd`, `cron` or `nothing`.
probe_keeper() {
	if [ "$(id -u)" != 0 ]; then
		echo nothing
	elif [ -d /run/systemd/system ] && [ -w /etc/systemd/system ] && command -v systemctl >/dev/null; then
		echo systemd
	elif [ -w /etc/cron.d ] && cron_runs; then
		echo cron
	else
		echo nothing
	fi
}

# cron_runs: whether there is one that reads /etc/cron.d and knows `@reboot`; busybox's does not. Those of
# containers are not ours.
cron_runs() {
	here=$(readlink /proc/self/ns/mnt)
	for process in /proc/[0-9]*; do
		{ IFS= read -r name <"$process/comm"; } 2>/dev/null || continue
		case $name in cron | crond) ;; *) continue ;; esac
		case $(readlink "$process/exe") in */cron | */crond | */cronie) ;; *) continue ;; esac
		[ "$(readlink "$process/ns/mnt")" != "$here" ] || return 0
	done
	return 1
}

# --- what was written -----------------------------------------------------------------------------

# written_of PATH: sets $written.
written_of() {
	sum=$(printf %s "$1" | sha256sum) || exit 1
	written=$state/written/${sum%% *}
}

# tell_written: for probe_journal: each record.
tell_written() {
	cat "$state/written/"*/record 2>/dev/null || :
}

# probe_written PATH: what a run last wrote there, as probe_content says it; nothing where it is not kept.
probe_written() {
	state_folder
	written_of "$1"
	[ -f "$written/content" ] || return 0
	printf 'file\n'
	cat "$written/content"
}

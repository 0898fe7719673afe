# cowhand's timer on a server, sent behind journal.sh: what may lock everybody out is taken back by the
# server itself, unless cowhand logs in anew and confirms it.
#
# In the journal of such a run there is also:
#
#   armed         it waits to be confirmed: how many seconds behind the last sign of life, the first step to take
#                 back, and what would start the timer again behind a reboot (`systemd`, `cron`, `nothing`).
#                 Its time of last change is that sign.
#   at-work       the process of the step at hand: as long as it lives, time stands still
#   timer         the timer's program: all of these functions, and a call of watch_over
#   timer.pid     the process that waits
#   STEP/again    how the server itself does again what a handler did
#   unconfirmed   what `armed` was: nobody confirmed. Whoever has renamed it takes the run back.
#   report        what became of that, in parts that end with a NUL: `restored PATH`; `left PATH`, a line feed
#                 and why; `again NAME`; `owed NAME`

# Seconds that one step may take before it is no longer waited for.
work_limit=600
# The exit status of what comes too late: the run was taken back.
too_late=76

# arm_run RUN SECONDS FROM: from here on, the run is taken back from step FROM on unless it is confirmed;
# reads the timer's program. Prints the time, and what keeps the timer over a reboot.
arm_run() {
	umask 077
	hold "$1"
	run=$1
	if [ ! -e "$journal/armed" ]; then
		trap 'rm -f "$journal/armed" "$journal/.armed"; forget_timer' 0
		cat >"$journal/timer" && chmod 700 "$journal/timer" || exit 1
		keeper=$(probe_keeper)
		keep_timer || keeper=nothing
		printf '%s\n%s\n%s\n' "$2" "$3" "$keeper" >"$journal/.armed" || exit 1
		flush "$journal/timer" "$journal/.armed"
		mv "$journal/.armed" "$journal/armed" && flush "$journal" || exit 1
		start_timer
		tries=0
		until timer_lives; do
			tries=$((tries + 1))
			[ "$tries" -lt 20 ] || fail 'the timer that would take the run back does not start'
			sleep 0.1 2>/dev/null || sleep 1
		done
		trap - 0
	fi
	date +%s
	sed -n 3p "$journal/armed"
}

# stay_run RUN: the run is still at it. Prints the time.
stay_run() {
	hold "$1"
	date +%s
}

# keep_again RUN NUMBER: reads how the server itself does again what this step did.
keep_again() {
	umask 077
	hold "$1"
	cat >"$journal/$2/again" && flush "$journal/$2/again" "$journal/$2"
}

# confirm_run RUN: it stays. Too late when the server has begun to take it back.
confirm_run() {
	state_folder
	find_run "$1" || fail "there is no run $1 on this server"
	if mv "$journal/armed" "$journal/.confirmed" 2>/dev/null; then
		flush "$journal"
		forget_timer
		return
	fi
	[ -e "$journal/unconfirmed" ] || return 0
	exit "$too_late"
}

# not_too_late: a run that the server takes back does nothing more.
not_too_late() {
	[ ! -e "$journal/unconfirmed" ] && return
	echo 'nobody confirmed this run in time, so the server has taken it back' >&2
	exit "$too_late"
}

# at_work: a sign of life of the run at $journal, in the process that does its step.
at_work() {
	[ -e "$journal/armed" ] || return 0
	touch -c "$journal/armed"
	sh -c 'echo "$PPID"' >"$journal/at-work"
}

# --- the timer ------------------------------------------------------------------------------------

# keep_timer: lets $keeper start the timer of $run at every boot.
keep_timer() {
	case $keeper in
	systemd)
		unit=/etc/systemd/system/cowhand-$run.service
		(
			umask 022
			printf '%s\n' '[Unit]' \
				"Description=Takes back what run $run of cowhand changed, unless it is confirmed" \
				"ConditionPathExists=$journal/timer" '' '[Service]' \
				"ExecStart=/bin/sh \"$journal/timer\"" 'KillMode=process' '' '[Install]' \
				'WantedBy=multi-user.target' >"$unit"
		) && flush "$unit" && systemctl --quiet enable "cowhand-$run.service" >/dev/null 2>&1
		;;
	cron)
		line="@reboot root /bin/sh '$journal/timer'"
		(umask 022 && printf '%s\n' "$line" >"/etc/cron.d/cowhand-$run") && flush "/etc/cron.d/cowhand-$run"
		;;
	esac
}

# start_timer: starts it so that it outlives our connection. A plain child of ours may not, where logind
# is told to kill what a session leaves behind.
start_timer() {
	if [ "$keeper" = systemd ]; then
		systemctl start "cowhand-$run.service" >/dev/null 2>&1 && return
	elif [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ]; then
		systemd-run --quiet --collect --property=KillMode=process --unit="cowhand-$run" \
			/bin/sh "$journal/timer" >/dev/null 2>&1 && return
	fi
	if command -v setsid >/dev/null 2>&1; then
		setsid sh "$journal/timer" </dev/null >/dev/null 2>&1 &
	else
		nohup sh "$journal/timer" </dev/null >/dev/null 2>&1 &
	fi
}

# timer_lives: whether the timer of the run at $journal waits; sets $timer.
timer_lives() {
	timer=
	{ IFS= read -r timer <"$journal/timer.pid"; } 2>/dev/null || return
	{ tr '\0' '\n' <"/proc/$timer/cmdline" | grep -q -x -F "$journal/timer"; } 2>/dev/null
}

# forget_timer: it does not run any more, will not be started again, and has left nothing.
forget_timer() {
	name=cowhand-${journal##*.}
	unit=/etc/systemd/system/$name.service
	if [ -e "$unit" ]; then
		systemctl --quiet disable "$name.service" >/dev/null 2>&1
		rm -f "$unit"
		systemctl daemon-reload >/dev/null 2>&1
	fi
	rm -f "/etc/cron.d/$name" 2>/dev/null
	if timer_lives && [ "$timer" != $$ ]; then
		kill "$timer" 2>/dev/null
	fi
	rm -f "$journal/timer" "$journal/timer.pid" "$journal/at-work" "$journal/.confirmed"
}

# watch_over PROGRAM: the timer, in a process of its own.
watch_over() {
	umask 077
	trap '' HUP
	PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	journal=${1%/*}
	COWHAND_STATE=${journal%/runs/*} run=${journal##*.}
	state_folder
	cd /
	rm -f "$journal/at-work"
	echo $$ >"$journal/timer.pid" || exit 1
	bide
	if [ -e "$journal/armed" ] || [ -e "$journal/unconfirmed" ] && [ ! -e "$journal/ended" ]; then
		# Whoever holds the lock meanwhile has taken the run back before anything else.
		take_lock "$run" 'the server itself, since nobody confirmed' 60 >/dev/null
		touch -c "$state/lock"
		[ ! -e "$journal/armed" ] || mv "$journal/armed" "$journal/unconfirmed" 2>/dev/null || exit 0
		take_back
		rm -f "$state/lock"
	fi
	forget_timer
}

# bide: waits until the run is confirmed or its time is up. Seconds are counted, not told from the clock,
# which may jump.
bide() {
	sign= left=0 busy=0
	while { IFS= read -r seconds <"$journal/armed"; } 2>/dev/null; do
		seen=$(stat -c %Y "$journal/armed" 2>/dev/null)
		if [ "$seen" != "$sign" ]; then
			sign=$seen left=$seconds busy=$work_limit
		elif [ "$busy" -gt 0 ] && is_at_work; then
			left=$seconds busy=$((busy - 1))
		else
			left=$((left - 1))
		fi
		[ "$left" -gt 0 ] || return 0
		sleep 1
	done
}

# is_at_work: whether the process of the step at hand is there.
is_at_work() {
	{ IFS= read -r worker <"$journal/at-work" && kill -0 "$worker"; } 2>/dev/null
}

# --- nobody confirmed -----------------------------------------------------------------------------

# take_back: takes back the run at $journal, whose `unconfirmed` is ours, and does again what concerns it.
# The lock is held by whoever calls. Doing so twice is doing it once.
take_back() {
	# As for renew: a program of its own.
	sh -c 'while sleep 5 && kill -0 "$1"; do touch -c "$2"; done' sh $$ "$state/lock" </dev/null >/dev/null 2>&1 &
	toucher=$!
	first=$(sed -n 2p "$journal/unconfirmed")
	notes=$(ls "$journal" | grep '^[0-9]*$' | sort -r)
	: >"$journal/undoing"
	each_note "$first" undo careful >>"$journal/report"
	rm -f "$journal/undoing"
	if [ -s "$journal/report" ]; then
		do_again "$first" >>"$journal/report"
	fi
	flush "$journal/report"
	# A path that could not be brought back stands behind a NUL or at the beginning.
	if tr '\0\n' '\n ' <"$journal/report" | grep -q '^left '; then
		close_run 'not confirmed, and not taken back whole'
	else
		close_run 'not confirmed, taken back'
	fi
	kill "$toucher" 2>/dev/null
}

# do_again FROM: what the run's handlers did from that step on, each once.
do_again() {
	for note in "$journal"/[0-9]*; do
		[ -e "$note/handler" ] && is_from "$1" "${note##*/}" && ! is_repeated || continue
		name=$(cat "$note/handler"; echo .)
		name=${name%?}
		if [ ! -e "$note/again" ]; then
			# What it does was not told.
			! grep -q '^{"handler":true' "$note/changes" || (owe_handler "$name") >/dev/null 2>&1
			printf 'owed %s\0' "$name"
		elif (. "$note/again") </dev/null >"$journal/.said" 2>&1; then
			printf 'again %s\0' "$name"
		else
			printf 'left %s\n%s\0' "$name" "$(tail -n 1 "$journal/.said")"
		fi
	done
	rm -f "$journal/.said"
}

# is_repeated: whether a later step does the same as $note.
is_repeated() {
	[ -e "$note/again" ] || return
	for later in "$journal"/[0-9]*; do
		[ "${later##*/}" -gt "${note##*/}" ] && cmp -s "$later/again" "$note/again" && return 0
	done
	return 1
}

# take_back_overdue: runs that wait to be confirmed, and whose cowhand is gone: it no longer holds the lock,
# which is ours. Also those whose timer was killed, and what is left of timers.
take_back_overdue() {
	for journal in "$state/runs/"[0-9]*; do
		[ -e "$journal/timer" ] || continue
		if mv "$journal/armed" "$journal/unconfirmed" 2>/dev/null; then
			take_back
		elif [ -e "$journal/unconfirmed" ] && [ ! -e "$journal/ended" ]; then
			# It is just being taken back, or that was cut off.
			tries=0
			while timer_lives && [ ! -e "$journal/ended" ] && [ "$tries" -lt 100 ]; do
				tries=$((tries + 1))
				sleep 1
			done
			[ -e "$journal/ended" ] || take_back
		fi
		forget_timer
	done
}

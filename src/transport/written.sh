# What cowhand's runs have written on a server, sent behind journal.sh: so that a file which somebody else
# changed afterwards can be told from one that is wanted otherwise now.
#
# In the state folder there is also:
#
#   written/SHA256/         a file that a run wrote, by its path, as long as no run removed or replaced it otherwise
#     record                `wrote`, the run, when, the SHA-256 of the file, its path: a line each, then a NUL
#     content               the file, unless it is large
#   runs/…/STEP/written/    the same, which was there before this step: it comes back when the step is taken back
#
# Nothing is decided by it but what people are told. Where it could not be kept, nothing is told.

# Bytes of a file that is kept here.
written_limit=262144
# Files that are kept in mind. The ones that were written first are forgotten first.
written_kept=2000

# forget_written FUNCTION: $place is about to become something else. What was written there is kept beside
# the before-image.
forget_written() {
	written_of "$place"
	[ ! -d "$written" ] || mv "$written" "$note/written" || exit 1
	case $1:$was in remove_path:folder*) ;; *) return 0 ;; esac
	for record in "$state/written/"*/record; do
		file=
		{ read -r _ && read -r _ && read -r _ && read -r _ && IFS= read -r file; } 2>/dev/null <"$record" || :
		case $file in "$place"/*) rm -rf "${record%/*}" ;; esac
	done
}

# keep_written FUNCTION: what it has made of $place.
keep_written() {
	case $1 in write_file | run_download) ;; *) return 0 ;; esac
	IFS= read -r made <"$note/after" && [ -f "$place" ] || return
	new=$note/.written
	rm -rf "$new"
	mkdir "$new" && printf 'wrote\n%s\n%s\n%s\n%s\n\0' "$run" "$(date +%s)" "${made##* }" "$place" >"$new/record" || return
	[ "$(stat -c %s "$place")" -gt "$written_limit" ] || cp "$place" "$new/content" || rm -f "$new/content"
	written_of "$place"
	rm -rf "$written"
	mkdir -p "$state/written" && mv "$new" "$written"
}

# written_back: the step $note is taken back, and so is what it has written here.
written_back() {
	case $function in write_file | run_download | make_link | remove_path) ;; *) return 0 ;; esac
	written_of "$place"
	rm -rf "$written"
	[ ! -d "$note/written" ] || mv "$note/written" "$written"
}

# prune_written: no more than are kept in mind.
prune_written() {
	ls -t "$state/written" 2>/dev/null | tail -n "+$((written_kept + 1))" | while read -r name; do
		rm -rf "$state/written/$name"
	done
}

# cowhand's functions on a server. Everything that runs there is one of these.
# POSIX sh with coreutils or busybox; nothing is installed, and what only looks writes nothing.

# --- frames ---------------------------------------------------------------------------------------

# --- looking: files -------------------------------------------------------------------------------

# --- doing: files and commands --------------------------------------------------------------------

# --- state: owed handlers -------------------------------------------------------------------------

# --- Mailcow: folder, compose, services -----------------------------------------------------------


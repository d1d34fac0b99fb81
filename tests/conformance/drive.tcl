# Runs one file of Redis's test suite and reports line by line: against a server that is already running, or, where
# HOST is `internal`, against those that the file starts itself, as src/redis-server, on ports from PORT on.
#
#   tclsh drive.tcl HOST PORT FILE READ_TIMEOUT_MS [SKIPPED_TEST ...]      (in the suite's folder)
#
# On stdout, one line an event, fields separated by tabs, line breaks written as \n:
#   testing NAME   ok NAME   err NAME WHY   setup WHERE WHY   done
#
# The suite expects a complete Redis; ours may lack commands or answer late. So that one gap costs one test:
#   - reading a reply has a deadline, after which the connection is replaced by a new one;
#   - what stands between two tests runs statement by statement, and an error in it is reported and passed over;
#   - a configuration parameter that cannot be set is left alone.
# The tests themselves are not touched.

# In a namespace of its own: the suite keeps its options in globals, one of which is `file`.
namespace eval drive {
    variable host [lindex $::argv 0] port [lindex $::argv 1]
    variable file [lindex $::argv 2] read_timeout [lindex $::argv 3]
    variable skipped [lrange $::argv 4 end]
}
fconfigure stdout -buffering line -translation lf -encoding utf-8

# The suite's own procedures, up to the point where its controller would start.
proc drive::text {path} {
    set source [open $path]
    set text [read $source]
    close $source
    return $text
}
set drive::helper [drive::text tests/test_helper.tcl]
set drive::end [string first "\nif {\$::client} \{" $drive::helper]
if {$drive::end < 0} {puts stderr "test_helper.tcl has another shape than expected"; exit 2}
set drive::internal [expr {$drive::host eq "internal"}]
set argv [list --single $drive::file --durable --tags -slow]
if {!$drive::internal} {lappend argv --host $drive::host --port $drive::port}
foreach drive::name $drive::skipped {lappend argv --skiptest $drive::name}
eval [string range $drive::helper 0 $drive::end]

proc report {args} {
    set fields {}
    foreach field $args {lappend fields [string map {\\ \\\\ \n \\n \r \\r \t \\t} $field]}
    puts [join $fields \t]
}

# What the suite would send to its controller.
set ::test_server_fd none
proc send_data_packet {fd status data {elapsed 0}} {
    switch $status {
        testing - ok {report $status $data}
        err {
            set first [lindex [split $data \n] 0]
            regsub { in tests/\S+\.tcl$} $first {} first
            report err $first [string range $data 0 1500]
            # A test that failed between MULTI and EXEC must not leave the next one in the transaction, and one that
            # changed how replies come must not leave it so.
            catch {r discard}
            upvar 1 code code
            if {[info exists code] && [string match "*readraw 1*" $code]} {catch {r readraw 0}}
            if {[info exists code] && [string match "*hello 3*" $code]} {catch {r hello 2}}
        }
    }
}

# --- statement by statement ---------------------------------------------------------------------------------------

proc statements {script} {
    set all {}
    set one {}
    foreach line [split $script \n] {
        append one $line \n
        if {[info complete $one]} {
            if {[string trim $one] ne ""} {lappend all $one}
            set one {}
        }
    }
    if {[string trim $one] ne ""} {lappend all $one}
    return $all
}

# Runs the script `up` levels above the caller.
proc run_each {up where script} {
    incr up
    foreach statement [statements $script] {
        set code [catch {uplevel $up $statement} result options]
        if {$code == 1} {
            report setup $where "$result\n[string range $::errorInfo 0 600]"
        } elseif {$code != 0} {
            dict set options -level 1
            return -options $options $result
        }
    }
}

proc tags {tags code} {
    set before $::tags
    set ::tags [concat $::tags [string map {\" ""} $tags]]
    if {[tags_acceptable $::tags why]} {run_each 1 tags $code}
    set ::tags $before
}

# Every start_server block ends here, because the server is external to the suite.
proc run_external_server_test {code overrides} {
    set client [redis $::host $::port 0 $::tls]
    catch {$client select 9}
    lappend ::servers [dict create host $::host port $::port client $client config [dict create port $::port]]
    if {[catch {r flushall} why]} {report setup flushall $why}
    catch {r function flush}
    set before {}
    foreach {name value} $overrides {
        catch {lappend before $name [lindex [r config get $name] 1]}
        if {[catch {r config set $name $value} why]} {
            report setup "config set $name" $why
        } elseif {$name eq "appendonly" && $value eq "yes"} {
            catch {waitForBgrewriteaof r}
        }
    }
    set depth [llength $::servers]
    set tags $::tags
    run_each 2 body $code
    set ::tags $tags
    set ::servers [lrange $::servers 0 $depth-1]
    foreach {name value} $before {catch {r config set $name $value}}
    catch {[srv client] close}
    set ::servers [lrange $::servers 0 end-1]
}

# --- servers that the file starts itself ---------------------------------------------------------------------------

if {$drive::internal} {
    set ::baseport $drive::port
    set ::portcount 200
    # One after the other, in this process.
    set ::numclients 1
    # Who has ended may still wait for this process to notice.
    proc drive::runs {pid} {
        expr {![catch {drive::text /proc/$pid/stat} stat] && ![regexp {\) Z } $stat]}
    }
    proc drive::end_of_server {pid stdout} {
        if {[drive::runs $pid]} return
        set lines [split [string trim [drive::text $stdout]] \n]
        error "the server ended: [join [lrange $lines end-2 end] { / }]"
    }
    # The suite's own loops go on for minutes when a server doesn't start.
    proc wait_server_started {config_file stdout pid} {
        while {![regexp -- " PID: $pid" [drive::text $stdout]]} {
            if {[regexp {Failed listening on port} [drive::text $stdout]]} {return 1}
            if {![drive::runs $pid]} {
                set errors [file join [file dirname $stdout] stderr]
                error "the server doesn't start: [drive::text $stdout] [drive::text $errors]"
            }
            after 20
        }
        return 0
    }
    set drive::body [info body start_server]
    # What stands between two tests runs statement by statement here, too; within a test, an error is the test's.
    proc drive::block {code} {
        if {$::cur_test eq ""} {return [run_each 2 body $code]}
        if {[catch {uplevel 2 $code} why] == 1} {error [expr {[string match assertion:* $why] ? $why : "assertion:$why"}]}
    }
    foreach {drive::from drive::to} {
        "catch { uplevel 1 \$code } error" "catch { drive::block \$code } error"
        "after 10\n" "after 10; drive::end_of_server \$pid \$stdout\n"
    } {
        if {[string first $drive::from $drive::body] < 0} {puts stderr "start_server has another shape: $drive::from"; exit 2}
        set drive::body [string map [list $drive::from $drive::to] $drive::body]
    }
    proc start_server {options {code undefined}} $drive::body
}

# --- replies with a deadline --------------------------------------------------------------------------------------

proc wait_readable {fd} {
    if {[chan pending input $fd] > 0 || ![fconfigure $fd -blocking]} return
    set ::arrived($fd) waiting
    fileevent $fd readable [list set ::arrived($fd) yes]
    set timer [after $::drive::read_timeout [list set ::arrived($fd) no]]
    vwait ::arrived($fd)
    after cancel $timer
    catch {fileevent $fd readable {}}
    if {$::arrived($fd) eq "yes"} return
    foreach {id other} [array get ::redis::fd] {
        if {$other ne $fd} continue
        # The late reply must not be taken for the next command's.
        catch {close $fd}
        set ::redis::fd($id) [socket {*}$::redis::addr($id)]
        fconfigure $::redis::fd($id) -translation binary
        puts -nonewline $::redis::fd($id) "SELECT 9\r\n"
        flush $::redis::fd($id)
        gets $::redis::fd($id)
    }
    error "no reply within $::drive::read_timeout ms"
}

foreach {name parameters} {redis_safe_read {fd len} redis_safe_gets {fd}} {
    rename ::redis::$name ::redis::plain_$name
    set call "plain_$name"
    foreach parameter $parameters {append call " \$$parameter"}
    proc ::redis::$name $parameters "::wait_readable \$fd; $call"
}

# --- the file -----------------------------------------------------------------------------------------------------

set ::curfile tests/$drive::file.tcl
run_each 0 file [drive::text $::curfile]
report done

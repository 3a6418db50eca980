# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgereel_global_optspecs
    string join \n h/help V/version
end

function __fish_edgereel_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgereel_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgereel_using_subcommand
    set -l cmd (__fish_edgereel_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgereel -n "__fish_edgereel_needs_command" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_needs_command" -s V -l version -d 'Print version'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "run" -d 'Run the service'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "demo" -d 'Show everything on this machine: a service, a publisher, a recording that plays'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "check-config" -d 'Check the configuration and print what is in force'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "ls" -d 'List recordings'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "export" -d 'Make a file that plays from a recording'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "verify" -d 'Check every byte of the tape; with --repair, mend what can be mended'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "publish" -d 'Send an FLV or MP4 file over RTMP'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "ctl" -d 'Ask a box through its broker: any command, as in `ctl --broker mqtts://b --device box-17 recording.list limit=5`'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "recording" -d 'Record, stop, list, protect and delete'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "clip" -d 'Make a recording of a part of a stream'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "task" -d 'Order recordings for a time'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "rule" -d 'Say which streams are recorded how'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "template" -d 'Say what becomes of streams that are recorded'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "stream" -d 'See what is on the air, and end it'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "sync" -d 'See what is delivered, and have a say in it'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "callback" -d 'See what web services did not take, and tell them again'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "device" -d 'See what the box is and how it is'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "config" -d 'See the configuration that is in force, and read it again'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "log" -d 'Say how much is logged'
complete -c edgereel -n "__fish_edgereel_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand run" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand run" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand run" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand demo" -l seconds -d 'How long to record' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand demo" -l dir -d 'Where everything goes; made anew' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand demo" -l s3 -d 'Deliver to a bucket, in place of a folder: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say who asks' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand demo" -l endpoint -d 'The service that has the bucket [default: Amazon\'s]' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand demo" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand check-config" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand check-config" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -l stream -d 'Only of this stream, as in live/cam1' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -l from -d 'Only what ended after this: a time (RFC 3339), or a length of time back from now' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -l to -d 'Only what began before this' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -l json -d 'One JSON document'
complete -c edgereel -n "__fish_edgereel_using_subcommand ls" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l format -d 'mp4, fmp4, flv, hls or aac' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l from -d 'From here on: a time (RFC 3339), or a length of time from the beginning. The file begins at the last keyframe at or before; an MP4 shows nothing before the first picture asked for' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l to -d 'Up to here, exactly, in the same terms' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l split -d 'In files of this length, numbered from OUT-1 on, each up to the next keyframe' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l part -d 'Of a recording whose pictures or sound change in the middle, and which so needs several files, this one' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -s o -l output -d 'The file to make (of HLS, the folder); `-` for standard output. aac makes M4A unless it ends in .aac' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -l last -d 'The newest recording'
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -s f -l force -d 'Overwrite what is there: a file, or an earlier HLS export. Without it that is asked on a terminal, and refused elsewhere'
complete -c edgereel -n "__fish_edgereel_using_subcommand export" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand verify" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand verify" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand verify" -l repair -d 'Repair what can be; the service must be stopped. What can be read is never deleted'
complete -c edgereel -n "__fish_edgereel_using_subcommand verify" -l json -d 'One JSON document'
complete -c edgereel -n "__fish_edgereel_using_subcommand verify" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand publish" -l ca-file -d 'Certificates that the server of rtmps:// is trusted by, in PEM, beside those of the system' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand publish" -l loop -d 'Begin again at the end of the file, until interrupted'
complete -c edgereel -n "__fish_edgereel_using_subcommand publish" -l fast -d 'As fast as the server takes it, instead of in real time'
complete -c edgereel -n "__fish_edgereel_using_subcommand publish" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l broker -d 'The broker, as in mqtts://broker.example.com:8883' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l device -d 'The device\'s id; with `watch` it may be +, for all' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l prefix -d 'What the fleet\'s topics begin with' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l user -d 'Who you are to the broker' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l password-file -d 'A file with your password' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l ca-file -d 'Certificates that the broker is to be trusted by, beside those of the system' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l cert-file -d 'Your own certificate' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l key-file -d 'Its private key' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l timeout -d 'How long an answer is waited for' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -l json -d 'Answers, and events, as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand ctl" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgereel -n "__fish_edgereel_using_subcommand completions" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "start" -d 'Records a stream that is on the air from now on'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "stop" -d 'Ends recordings now'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "restart" -d 'Ends recordings at the next keyframe, and begins others there'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "finish" -d 'Ends recordings that wait for their publisher without it'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "list" -d 'Lists recordings, oldest first'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "get" -d 'Tells what there is to know of a recording'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "protect" -d 'Keeps a recording whatever room is needed, or takes that back'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "tag" -d 'Marks a recording with tags, in place of those that it has'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "delete" -d 'Removes a recording for good, and the footage that no other shares'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "unprotect" -d 'Takes back that a recording is protected'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and not __fish_seen_subcommand_from start stop restart finish list get protect tag delete unprotect help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l template -d 'how; by the template of the stream\'s rule, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l name -d 'a name for the recordings' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l pre-roll -d 'begin so far back, as far as memory goes' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l longest -d 'end by itself after this; 4 hours, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from stop" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from stop" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from stop" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from stop" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from restart" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from restart" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from restart" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from restart" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from finish" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from finish" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from finish" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from finish" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from finish" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l stream -d 'of this stream alone' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l prefix -d 'of streams whose names begin so, as in live/' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l from -d 'that end after this' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l to -d 'that start before this' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l state -d 'open, closed, delivered or expired' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l template -d 'made by this template' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l tags -d 'that have all of these tags' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l limit -d 'at most so many, 1 to 100; 50, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l after -d 'go on where the list before ended: its \'next\'' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from get" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from get" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from get" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from get" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from protect" -l protected -d 'false takes it back; true, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from protect" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from protect" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from protect" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from protect" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from protect" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from tag" -l tags -d 'at most 16 of at most 32 letters; none, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from tag" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from tag" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from tag" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from tag" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from tag" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from delete" -l remote -d 'also where it was delivered to' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from delete" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from delete" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from delete" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from delete" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from unprotect" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from unprotect" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from unprotect" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from unprotect" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from unprotect" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "start" -d 'Records a stream that is on the air from now on'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Ends recordings now'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "restart" -d 'Ends recordings at the next keyframe, and begins others there'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "finish" -d 'Ends recordings that wait for their publisher without it'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists recordings, oldest first'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "get" -d 'Tells what there is to know of a recording'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "protect" -d 'Keeps a recording whatever room is needed, or takes that back'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "tag" -d 'Marks a recording with tags, in place of those that it has'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Removes a recording for good, and the footage that no other shares'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "unprotect" -d 'Takes back that a recording is protected'
complete -c edgereel -n "__fish_edgereel_using_subcommand recording; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and not __fish_seen_subcommand_from create help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and not __fish_seen_subcommand_from create help" -f -a "create" -d 'Makes a recording of a part of a stream: of the past, of now, of what is to come'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and not __fish_seen_subcommand_from create help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l from -d 'from here on; now, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l to -d 'up to here, which may be to come' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l before -d 'or of what is live now: so much before it' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l after -d 'and so much after it' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l formats -d 'of mp4, hls, fmp4, flv, aac; mp4, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l name -d 'a name for it' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l keep -d 'how long it is kept, as in 7d or forever' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from help" -f -a "create" -d 'Makes a recording of a part of a stream: of the past, of now, of what is to come'
complete -c edgereel -n "__fish_edgereel_using_subcommand clip; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and not __fish_seen_subcommand_from create list stop delete help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and not __fish_seen_subcommand_from create list stop delete help" -f -a "create" -d 'Orders a recording for a time, whoever publishes then and however often'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and not __fish_seen_subcommand_from create list stop delete help" -f -a "list" -d 'Lists tasks, those made first first'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and not __fish_seen_subcommand_from create list stop delete help" -f -a "stop" -d 'Ends a task for good, and what it records'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and not __fish_seen_subcommand_from create list stop delete help" -f -a "delete" -d 'Forgets a task; what it records now goes on'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and not __fish_seen_subcommand_from create list stop delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l start -d 'when it begins; now, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l end -d 'when it ends, at most 24 hours later' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l duration -d 'or how long it is, as in 90min' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l weekly -d 'or every week, as in "Mon-Fri 08:00-18:00"' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l time-zone -d 'of these hours, as in Asia/Shanghai; UTC, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l template -d 'how; HLS in one piece, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l name -d 'a name for its recordings' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l stream -d 'of this stream alone' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l state -d 'waiting, running, over or stopped' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l limit -d 'at most so many, 1 to 100; 50, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l after -d 'go on where the list before ended: its \'next\'' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from stop" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from stop" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from stop" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from stop" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from delete" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from delete" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from delete" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from delete" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "create" -d 'Orders a recording for a time, whoever publishes then and however often'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists tasks, those made first first'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Ends a task for good, and what it records'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Forgets a task; what it records now goes on'
complete -c edgereel -n "__fish_edgereel_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and not __fish_seen_subcommand_from put list delete help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and not __fish_seen_subcommand_from put list delete help" -f -a "put" -d 'Puts a rule in force, from the next push on; over one for the same streams'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and not __fish_seen_subcommand_from put list delete help" -f -a "list" -d 'Lists all rules in the order in which they apply'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and not __fish_seen_subcommand_from put list delete help" -f -a "delete" -d 'Takes back a rule that a command put'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and not __fish_seen_subcommand_from put list delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l domain -d 'the host that publishers address; any, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l stream -d 'the streams, as in live/cam1 or live/*; any, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l app -d 'deprecated: the app, before a stream without a slash' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l template -d 'the template; \'default\', if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l record -d 'always, on-demand or never; always, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -l limit -d 'at most so many, 1 to 100; 50, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -l after -d 'go on where the list before ended: its \'next\'' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l domain -d 'as it was put' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l stream -d 'as it was put' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l app -d 'deprecated: as it was put' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from help" -f -a "put" -d 'Puts a rule in force, from the next push on; over one for the same streams'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists all rules in the order in which they apply'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Takes back a rule that a command put'
complete -c edgereel -n "__fish_edgereel_using_subcommand rule; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and not __fish_seen_subcommand_from put list delete help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and not __fish_seen_subcommand_from put list delete help" -f -a "put" -d 'Puts a template in force, from the next push on; over one of the same name'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and not __fish_seen_subcommand_from put list delete help" -f -a "list" -d 'Lists all templates'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and not __fish_seen_subcommand_from put list delete help" -f -a "delete" -d 'Takes back a template that a command put'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and not __fish_seen_subcommand_from put list delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l formats -d 'of hls, mp4, fmp4, flv, aac; hls and mp4, if left out; an empty list switches recording off' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l media -d 'both, video or audio' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l split -d 'a new recording after this, as in 30min; off for never' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l split-size -d 'or after so many bytes, as in 2GiB' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l split-at -d 'or at multiples of this since midnight, as in 1h' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l resume-window -d 'go on with a publisher that is back within this' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l resume-after -d 'break: only a broken connection; any: any end' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l keep -d 'how long on the box, as in 7d or forever' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l storage-time -d 'how long where it is delivered to' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l key -d 'the name of a delivered file' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l time-zone -d 'of its clock, as in Asia/Shanghai' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l hls -d 'what is otherwise for this format, as in {"split":"off"}' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l mp4 -d 'what is otherwise for this format, as in {"split":"off"}' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l fmp4 -d 'what is otherwise for this format, as in {"split":"off"}' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l flv -d 'what is otherwise for this format, as in {"split":"off"}' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l aac -d 'what is otherwise for this format, as in {"split":"off"}' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -l limit -d 'at most so many, 1 to 100; 50, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -l after -d 'go on where the list before ended: its \'next\'' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from delete" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from delete" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from delete" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from delete" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "put" -d 'Puts a template in force, from the next push on; over one of the same name'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists all templates'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Takes back a template that a command put'
complete -c edgereel -n "__fish_edgereel_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and not __fish_seen_subcommand_from list kick help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and not __fish_seen_subcommand_from list kick help" -f -a "list" -d 'Lists the streams that are on the air'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and not __fish_seen_subcommand_from list kick help" -f -a "kick" -d 'Ends a publish; the publisher may come back'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and not __fish_seen_subcommand_from list kick help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -l limit -d 'at most so many, 1 to 100; 50, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -l after -d 'go on where the list before ended: its \'next\'' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from kick" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from kick" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from kick" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from kick" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from kick" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists the streams that are on the air'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from help" -f -a "kick" -d 'Ends a publish; the publisher may come back'
complete -c edgereel -n "__fish_edgereel_using_subcommand stream; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "status" -d 'Tells how delivery is: what is recorded, waits, is on its way, was set aside, and when it goes'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "check" -d 'Tries whether the store lets this box do what deliveries need, and says what is missing'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "pause" -d 'Stops delivering until sync.resume, also after a restart'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "resume" -d 'Goes on delivering'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "retry" -d 'Tries everything again now, also what was set aside'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "limit" -d 'Sets how fast is delivered, also after a restart'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and not __fish_seen_subcommand_from status check pause resume retry limit help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from status" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from status" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from status" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from status" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from check" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from check" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from check" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from check" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from pause" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from pause" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from pause" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from pause" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from resume" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from resume" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from resume" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from resume" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from retry" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from retry" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from retry" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from retry" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from limit" -l rate -d 'at most so much, as in 2 MiB/s; without a limit, if left out' -r
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from limit" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from limit" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from limit" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from limit" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from limit" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "status" -d 'Tells how delivery is: what is recorded, waits, is on its way, was set aside, and when it goes'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "check" -d 'Tries whether the store lets this box do what deliveries need, and says what is missing'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "pause" -d 'Stops delivering until sync.resume, also after a restart'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Goes on delivering'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Tries everything again now, also what was set aside'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "limit" -d 'Sets how fast is delivered, also after a restart'
complete -c edgereel -n "__fish_edgereel_using_subcommand sync; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and not __fish_seen_subcommand_from status retry help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and not __fish_seen_subcommand_from status retry help" -f -a "status" -d 'Tells which callbacks there are, and what they did not take'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and not __fish_seen_subcommand_from status retry help" -f -a "retry" -d 'Offers again now what callbacks did not take, also what was given up'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and not __fish_seen_subcommand_from status retry help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from status" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from status" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from status" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from status" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from retry" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from retry" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from retry" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from retry" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from help" -f -a "status" -d 'Tells which callbacks there are, and what they did not take'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Offers again now what callbacks did not take, also what was given up'
complete -c edgereel -n "__fish_edgereel_using_subcommand callback; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and not __fish_seen_subcommand_from info stats help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and not __fish_seen_subcommand_from info stats help" -f -a "info" -d 'Tells what this box is: release, hardware, configuration'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and not __fish_seen_subcommand_from info stats help" -f -a "stats" -d 'Tells how this box is, in numbers'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and not __fish_seen_subcommand_from info stats help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from info" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from info" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from info" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from info" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from stats" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from stats" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from stats" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from stats" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "info" -d 'Tells what this box is: release, hardware, configuration'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "stats" -d 'Tells how this box is, in numbers'
complete -c edgereel -n "__fish_edgereel_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and not __fish_seen_subcommand_from get reload help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and not __fish_seen_subcommand_from get reload help" -f -a "get" -d 'Shows the configuration that is in force; its secrets are masked'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and not __fish_seen_subcommand_from get reload help" -f -a "reload" -d 'Reads the configuration again'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and not __fish_seen_subcommand_from get reload help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from get" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from get" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from get" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from get" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from reload" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from reload" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from reload" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from reload" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "get" -d 'Shows the configuration that is in force; its secrets are masked'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "reload" -d 'Reads the configuration again'
complete -c edgereel -n "__fish_edgereel_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and not __fish_seen_subcommand_from level help" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and not __fish_seen_subcommand_from level help" -f -a "level" -d 'Says how much is logged, until the next start'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and not __fish_seen_subcommand_from level help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from level" -l socket -d 'The control socket of the service [default: as its configuration says, or where systemd makes it]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from level" -l config -d 'The configuration file [default: /etc/edgereel/edgereel.toml if there is one]' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from level" -l data -d 'The storage directory, in place of the one that the configuration names' -r -F
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from level" -l json -d 'The answer as JSON'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from level" -s h -l help -d 'Print help'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "level" -d 'Says how much is logged, until the next start'
complete -c edgereel -n "__fish_edgereel_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "run" -d 'Run the service'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "demo" -d 'Show everything on this machine: a service, a publisher, a recording that plays'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "check-config" -d 'Check the configuration and print what is in force'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "ls" -d 'List recordings'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "export" -d 'Make a file that plays from a recording'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "verify" -d 'Check every byte of the tape; with --repair, mend what can be mended'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "publish" -d 'Send an FLV or MP4 file over RTMP'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "ctl" -d 'Ask a box through its broker: any command, as in `ctl --broker mqtts://b --device box-17 recording.list limit=5`'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "recording" -d 'Record, stop, list, protect and delete'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "clip" -d 'Make a recording of a part of a stream'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "task" -d 'Order recordings for a time'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "rule" -d 'Say which streams are recorded how'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "template" -d 'Say what becomes of streams that are recorded'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "stream" -d 'See what is on the air, and end it'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "sync" -d 'See what is delivered, and have a say in it'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "callback" -d 'See what web services did not take, and tell them again'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "device" -d 'See what the box is and how it is'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "config" -d 'See the configuration that is in force, and read it again'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "log" -d 'Say how much is logged'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and not __fish_seen_subcommand_from run demo check-config ls export verify publish ctl completions recording clip task rule template stream sync callback device config log help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "start" -d 'Records a stream that is on the air from now on'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "stop" -d 'Ends recordings now'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "restart" -d 'Ends recordings at the next keyframe, and begins others there'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "finish" -d 'Ends recordings that wait for their publisher without it'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "list" -d 'Lists recordings, oldest first'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "get" -d 'Tells what there is to know of a recording'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "protect" -d 'Keeps a recording whatever room is needed, or takes that back'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "tag" -d 'Marks a recording with tags, in place of those that it has'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "delete" -d 'Removes a recording for good, and the footage that no other shares'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from recording" -f -a "unprotect" -d 'Takes back that a recording is protected'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from clip" -f -a "create" -d 'Makes a recording of a part of a stream: of the past, of now, of what is to come'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from task" -f -a "create" -d 'Orders a recording for a time, whoever publishes then and however often'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from task" -f -a "list" -d 'Lists tasks, those made first first'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from task" -f -a "stop" -d 'Ends a task for good, and what it records'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from task" -f -a "delete" -d 'Forgets a task; what it records now goes on'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from rule" -f -a "put" -d 'Puts a rule in force, from the next push on; over one for the same streams'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from rule" -f -a "list" -d 'Lists all rules in the order in which they apply'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from rule" -f -a "delete" -d 'Takes back a rule that a command put'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "put" -d 'Puts a template in force, from the next push on; over one of the same name'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "list" -d 'Lists all templates'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "delete" -d 'Takes back a template that a command put'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from stream" -f -a "list" -d 'Lists the streams that are on the air'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from stream" -f -a "kick" -d 'Ends a publish; the publisher may come back'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from sync" -f -a "status" -d 'Tells how delivery is: what is recorded, waits, is on its way, was set aside, and when it goes'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from sync" -f -a "check" -d 'Tries whether the store lets this box do what deliveries need, and says what is missing'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from sync" -f -a "pause" -d 'Stops delivering until sync.resume, also after a restart'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from sync" -f -a "resume" -d 'Goes on delivering'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from sync" -f -a "retry" -d 'Tries everything again now, also what was set aside'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from sync" -f -a "limit" -d 'Sets how fast is delivered, also after a restart'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from callback" -f -a "status" -d 'Tells which callbacks there are, and what they did not take'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from callback" -f -a "retry" -d 'Offers again now what callbacks did not take, also what was given up'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from device" -f -a "info" -d 'Tells what this box is: release, hardware, configuration'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from device" -f -a "stats" -d 'Tells how this box is, in numbers'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "get" -d 'Shows the configuration that is in force; its secrets are masked'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "reload" -d 'Reads the configuration again'
complete -c edgereel -n "__fish_edgereel_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "level" -d 'Says how much is logged, until the next start'

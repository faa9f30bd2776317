# fish completion for certctl: certctl itself knows.

function __certctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    certctl complete $words 2>/dev/null
end
complete -c certctl -f -a '(__certctl_complete)'

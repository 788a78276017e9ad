"""What the tests in Python share: results in TAP, and a look at the service's documents and requests."""

import json
import os
import sys
import traceback
import urllib.request

DSN = 'host={PGHOST} port={PGPORT} user={PGUSER} dbname={PGDATABASE}'.format(**os.environ)
count = 0


def is_equal(got, wanted, name):
    global count
    count += 1
    print(f"{'ok' if got == wanted else 'not ok'} {count} - {name}", flush=True)
    if got != wanted:
        print(f'# got    {got!r}\n# wanted {wanted!r}', flush=True)


def raises(kind, call, name):
    """The call fails with such an exception, which is returned."""
    try:
        call()
    except kind as error:
        is_equal(True, True, name)
        return error
    is_equal('no error', kind.__name__, name)


def sandbox(path, method='GET', data=None):
    request = urllib.request.Request(os.environ['WALCU_ENDPOINT'] + '/_sandbox/' + path, method=method,
                                     data=None if data is None else json.dumps(data).encode(),
                                     headers={'Content-Type': 'application/json'})
    with urllib.request.urlopen(request) as reply:
        return reply.read().decode()


def documents(resource):
    return [json.loads(line) for line in sandbox(f'dump/{resource}').split('\n') if line]


def contents(resource='notes'):
    return sorted(document.get('content') or '' for document in documents(resource))


def empty(resource='notes'):
    sandbox(f'documents/{resource}', 'DELETE')


def log_of(call):
    """What is asked of the service in a call."""
    sandbox('log', 'DELETE')
    call()
    return json.loads(sandbox('log'))


def requests(call):
    """'METHOD path' for each request of a call."""
    return [f"{entry['method']} {entry['path'].split('/', 3)[-1]}" for entry in log_of(call)]


def filters(call):
    """The filter of each request of a call, as text."""
    return [entry['query'].get('q') for entry in log_of(call)]


def run(test):
    """The whole of a test, on fresh documents; its end is told even if it breaks off."""
    sandbox('reset', 'POST', {})
    try:
        test()
    except BaseException:
        traceback.print_exc()
        print(f'not ok {count + 1} - does not break off', flush=True)
        sys.exit(1)
    print(f'1..{count}')

"""pgbench: several clients at once that read and write, with each protocol."""

import subprocess
import tempfile

import tap

CLIENTS, TRANSACTIONS = 3, 4
SCRIPT = r"""
BEGIN;
INSERT INTO crm.notes (content, created_at) VALUES ('kept', NULL);
SAVEPOINT s;
INSERT INTO crm.notes (content) VALUES ('lost');
ROLLBACK TO s;
COMMIT;
SELECT count(*) FROM crm.notes WHERE content LIKE 'kept%';
SELECT _id AS note FROM crm.notes WHERE content LIKE 'kept%' LIMIT 1 \gset
UPDATE crm.notes SET content = 'kept and changed' WHERE _id = NOTE;
"""


def test():
    for protocol in ('simple', 'extended', 'prepared'):
        tap.empty()
        with tempfile.NamedTemporaryFile('w', suffix='.sql') as script:
            # the simple protocol puts the words of a variable there, the others a parameter
            script.write(SCRIPT.replace('NOTE', "':note'" if protocol == 'simple' else ':note'))
            script.flush()
            ran = subprocess.run(['pgbench', '--no-vacuum', f'--protocol={protocol}', f'--client={CLIENTS}',
                                  f'--transactions={TRANSACTIONS}', f'--file={script.name}'],
                                 capture_output=True, text=True)
        tap.is_equal((ran.returncode, ran.stderr if ran.returncode else ''), (0, ''), f'{protocol}: it ends well')
        found = tap.contents()
        tap.is_equal((len(found), [content for content in found if not content.startswith('kept')]),
                     (CLIENTS * TRANSACTIONS, []), f'{protocol}: what is committed is there, and no more')


tap.run(test)

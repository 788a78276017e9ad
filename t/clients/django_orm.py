"""Django: inspectdb, models over foreign tables, create, save, delete, lookups, atomic blocks."""

import io
import os

import django
import tap
from django.conf import settings

settings.configure(
    DATABASES={'default': {
        'ENGINE': 'django.db.backends.postgresql', 'HOST': os.environ['PGHOST'], 'PORT': os.environ['PGPORT'],
        'USER': os.environ['PGUSER'], 'NAME': os.environ['PGDATABASE'],
        'OPTIONS': {'options': '-c search_path=crm'},
    }},
    USE_TZ=True, DEFAULT_AUTO_FIELD='django.db.models.AutoField')
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connection, models, transaction  # noqa: E402


LEADS = ('appraisallead', 'salelead')


# As the manual's page Tools has it, from here
class CrmId(models.CharField):
    """An _id that the service, or the extension, makes."""
    empty_strings_allowed = False
    db_returning = True


class ServiceDate(models.DateTimeField):
    """A date that the service sets: it is read, and never written."""
    def pre_save(self, instance, add):
        return None


class Note(models.Model):
    field_id = CrmId(db_column='_id', primary_key=True, max_length=24, default=None)
    content = models.TextField(null=True)
    lead_type = models.TextField(null=True)
    custom = models.JSONField(null=True)
    created_at = ServiceDate(null=True)
    updated_at = ServiceDate(null=True)

    class Meta:
        app_label = 'crm'
        managed = False
        db_table = 'notes'
# to here.


def test_inspectdb():
    # A foreign table is listed only where it is asked for
    output = io.StringIO()
    call_command('inspectdb', 'notes', 'cars', stdout=output)
    text = output.getvalue()
    tap.is_equal([name in text for name in ('class Notes', 'class Cars', "db_column='_id'", 'JSONField',
                                            'DateTimeField', 'managed = False')], [True] * 6, 'inspectdb')
    scope = {}
    exec(compile(text.replace('class Meta:', "class Meta:\n        app_label = 'inspected'"), 'models', 'exec'), scope)
    tap.is_equal(scope['Notes']._meta.db_table, 'notes', 'what it writes are models')


def test_rows():
    tap.empty()
    note = Note.objects.create(content='one', custom={'a': 1})
    tap.is_equal((tap.contents(), len(note.pk)), (['one'], 24), 'create')
    note.refresh_from_db()
    note.content = 'changed'
    note.save()
    note.content = 'changed again'
    tap.is_equal([request for request in tap.requests(note.save) if not request.startswith('GET')],
                 [f'PATCH notes/{note.pk}'], 'save of a whole row, with dates that have grown old')
    tap.is_equal(tap.contents(), ['changed again'], 'and it is there')
    document = tap.documents('notes')[0]
    tap.is_equal((document['custom'], 'created_at' in document), ({'a': 1}, True), 'nothing else is lost')
    note.save(update_fields=['content'])
    tap.is_equal(Note.objects.filter(pk=note.pk).update(content='by query'), 1, 'update')
    tap.is_equal(note.delete()[0], 1, 'delete')
    tap.is_equal(tap.documents('notes'), [], 'and it is gone')


def test_lookups():
    Note.objects.bulk_create([Note(content=f'Núñez {i} 50%', lead_type=LEADS[i % 2]) for i in range(12)])
    tap.is_equal(len(tap.documents('notes')), 12, 'bulk_create')
    tap.is_equal(Note.objects.filter(content__icontains='NúñEZ 1').count(), 3, 'icontains')
    tap.is_equal(Note.objects.filter(content__icontains='0%').count(), 12, 'icontains of a wildcard')
    for lookup, value in (('contains', 'ñez 1'), ('startswith', 'Núñez 1'), ('iregex', 'EZ 1')):
        asked = tap.filters(lambda: tap.is_equal(Note.objects.filter(**{f'content__{lookup}': value}).count(), 3, lookup))
        tap.is_equal(['content' in (q or '') for q in asked], [True] * len(asked), f'{lookup} is the service\'s to find')
    tap.is_equal(Note.objects.filter(content__istartswith='núñez 1').exclude(lead_type=LEADS[0]).count(), 2, 'exclude')
    tap.is_equal(Note.objects.filter(content__regex=r'z 1\d').count(), 2, 'regex')
    tap.is_equal(Note.objects.filter(created_at__year__gte=2020, custom__isnull=True).count(), 12, 'dates, isnull')
    ids = sorted(document['_id'] for document in tap.documents('notes'))
    tap.is_equal([note.pk for note in Note.objects.order_by('pk')[3:7]], ids[3:7], 'a slice')
    tap.is_equal(len(Note.objects.in_bulk(ids[:5])), 5, 'in_bulk')
    tap.is_equal(sorted(Note.objects.values_list('lead_type').annotate(n=models.Count('*'))),
                 [(LEADS[0], 6), (LEADS[1], 6)], 'annotate')
    tap.is_equal((Note.objects.exists(), Note.objects.filter(content='x').first()), (True, None), 'exists, first')
    tap.is_equal(len(list(Note.objects.iterator(chunk_size=5))), 12, 'iterator')
    tap.is_equal(Note.objects.filter(pk__in=ids[:4]).delete()[0], 4, 'delete of several')
    tap.is_equal(Note.objects.get_or_create(content='new', defaults={'lead_type': LEADS[0]})[1], True, 'get_or_create')
    tap.is_equal(Note.objects.update_or_create(content='new', defaults={'lead_type': LEADS[1]})[1], False,
                 'update_or_create')
    tap.is_equal([d['lead_type'] for d in tap.documents('notes') if d['content'] == 'new'], [LEADS[1]], 'as was said')


def test_atomic():
    tap.empty()
    try:
        with transaction.atomic():
            Note.objects.create(content='lost')
            raise KeyError
    except KeyError:
        pass
    with transaction.atomic():
        Note.objects.create(content='kept')
        try:
            with transaction.atomic():
                Note.objects.create(content='inner')
                with connection.cursor() as cursor:
                    cursor.execute('SELECT 1/0')
        except DatabaseError:
            pass
    tap.is_equal(tap.contents(), ['kept'], 'atomic blocks')
    tap.empty()
    with transaction.atomic():
        note = Note.objects.create(content='new')
        note.content = 'newer'
        note.save()
        Note.objects.create(content='gone').delete()
        known, created = Note.objects.get_or_create(content='newer')
        tap.is_equal((created, known.pk), (False, note.pk), 'what waits is found')
    tap.is_equal(tap.contents(), ['newer'], 'and saved again, and deleted')


def test():
    test_inspectdb()
    test_rows()
    test_lookups()
    test_atomic()


tap.run(test)

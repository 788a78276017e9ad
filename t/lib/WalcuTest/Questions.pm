package WalcuTest::Questions;

# WalcuTest::Questions
#   Some forty questions that people and their tools ask of a dealership's CRM, each with the least number of requests
#   that can answer it.  bench/questions.pl prints what they cost; t/950_questions.pl fails when they cost too much,
#   or when their rows are not those of local copies.
#
#     my @questions = questions();       # {tool, about, sql, params, least, why}, ...
#     create_copies($dbh);               # what they compare with, from the foreign tables in the schema crm
#     my $asked = ask($session, $question, \&begin, \&end);
#     requests_allowed($question, $asked->{least});
#
#   The SQL is of the form that the tool sends: its quoting, its nesting, its casts.  The schema crm has the foreign tables,
#   the schema dealer tables that a dealer would have at hand.  In it and in `params`, `{name}` is a value of `given`, which
#   SQL over the copies finds, and `{3 months}` is so long before now that it reaches three months before the last lead: the
#   documents have dates of their own, whatever the clock says.
#
#   `least` is SQL over the copies.  What it counts are requests for pages of at most fifty documents, as the service has
#   them: pages(n) for n documents, one for none.  It supposes that the sizes of all resources are known, which filter
#   leaves the fewest documents that SQL can derive from the question, and that the service sorts; that each document is
#   needed once, however often the query names its table; and that what one request tells is asked for in one.  A background
#   job is no part of it: its requests are few, but each of them is waited for.

use strict;
use utf8;
use warnings;

use Exporter 'import';

our @EXPORT = qw(SIZES RATIO WORST questions create_copies ask requests_allowed);

# Documents of the resources that the questions are about.
use constant SIZES => {
    cars => 400, clients => 1500, saleleads => 1200, tasks => 900, offers => 260, notes => 700, aftersaleleads => 450, dates => 600,
};

# How many times its least a question may cost, as all together may; and how many times if it has a `reason`.
use constant { RATIO => 1.15, WORST => 2 };

my @QUESTIONS = (

    # Metabase: quoted names, DATE_TRUNC, a subquery called "source", and a limit on everything
    {
        tool  => 'Metabase',
        about => 'leads of the last twelve months, by month',
        sql   => q{SELECT DATE_TRUNC('month', "crm"."saleleads"."created_at") AS "created_at", COUNT(*) AS "count" FROM "crm"."saleleads"
            WHERE ("crm"."saleleads"."created_at" >= DATE_TRUNC('month', (NOW() + (INTERVAL '-{12 months}'))))
              AND ("crm"."saleleads"."created_at" < DATE_TRUNC('month', NOW()))
            GROUP BY DATE_TRUNC('month', "crm"."saleleads"."created_at")
            ORDER BY DATE_TRUNC('month', "crm"."saleleads"."created_at") ASC},
        least => q{SELECT pages(count(*)) FROM saleleads
            WHERE created_at >= date_trunc('month', now() - interval '{12 months}') AND created_at < date_trunc('month', now())},
        why => 'both ends are values before the scan begins',
    },
    {
        tool  => 'Metabase',
        about => 'a question built on another: makes of cars with a word in their text',
        sql   => q{SELECT "source"."make" AS "make", "source"."count" AS "count" FROM
            (SELECT "crm"."cars"."make" AS "make", COUNT(*) AS "count" FROM "crm"."cars"
              WHERE (LOWER("crm"."cars"."description") LIKE '%híbrido%')
              GROUP BY "crm"."cars"."make" ORDER BY "crm"."cars"."make" ASC) AS "source"
            WHERE "source"."count" > 0 LIMIT 1048575},
        least => q{SELECT pages(count(*)) FROM cars WHERE lower(description) LIKE '%híbrido%'},
        why   => 'a pattern that the service can match',
    },
    {
        tool  => 'Metabase',
        about => 'the values of a field, for a filter',
        sql   => q{SELECT "crm"."cars"."fuel" AS "fuel" FROM "crm"."cars" GROUP BY "crm"."cars"."fuel" ORDER BY "crm"."cars"."fuel" ASC LIMIT 1000},
        least => q{SELECT pages(count(*)) FROM cars},
        why   => 'any document may have one more',
    },
    {
        tool  => 'Metabase',
        about => 'the fingerprint of a table',
        sql   => q{SELECT SUBSTRING("crm"."aftersaleleads"."inquiry", 1, 1234) AS "substring1", "crm"."aftersaleleads"."created_at" AS "created_at",
            SUBSTRING("crm"."aftersaleleads"."type", 1, 1234) AS "substring2" FROM "crm"."aftersaleleads" LIMIT 10000},
        least => q{SELECT pages(count(*)) FROM aftersaleleads},
        why   => 'the limit is above the number of documents',
    },
    {
        tool  => 'Metabase',
        about => 'sold cars by make, the state unfolded out of its JSON',
        sql   => q{SELECT "crm"."cars"."make" AS "make", COUNT(DISTINCT "crm"."cars"."model") AS "count" FROM "crm"."cars"
            WHERE ("crm"."cars"."status" #>> array['status']::text[])::text = 'sold'
            GROUP BY "crm"."cars"."make" ORDER BY "count" DESC, "crm"."cars"."make" ASC},
        least => q{SELECT pages(count(*)) FROM cars WHERE status ->> 'status' = 'sold'},
        why   => 'a place of the document',
    },
    {
        tool  => 'Metabase',
        about => 'open leads and their clients',
        sql   => q{SELECT "crm"."saleleads"."_id" AS "_id", "crm"."saleleads"."type" AS "type", "Clients"."_id" AS "Clients___id",
            "Clients"."created_at" AS "Clients__created_at" FROM "crm"."saleleads"
            LEFT JOIN "crm"."clients" AS "Clients" ON "crm"."saleleads"."client_id" = "Clients"."_id"
            WHERE ("crm"."saleleads"."status" #>> array['status']::text[])::text = 'open'
              AND "crm"."saleleads"."created_at" >= timestamp with time zone '2025-01-01 00:00:00.000+01:00'
            LIMIT 2000},
        least => q{SELECT pages(count(*)) + pages(count(DISTINCT client_id)) FROM saleleads
            WHERE status ->> 'status' = 'open' AND created_at >= '2025-01-01 00:00:00+01'},
        why => 'the leads, and the clients by the keys that these have',
    },

    # Power BI: subqueries called "$Table", "_" and "rows", and joins that take NULL for NULL
    {
        tool  => 'Power BI',
        about => 'the preview of a table',
        sql   => q{select "$Table"."_id" as "_id", "$Table"."make" as "make", "$Table"."model" as "model", "$Table"."mileage" as "mileage",
            "$Table"."prices" as "prices", "$Table"."status" as "status", "$Table"."extras" as "extras" from "crm"."cars" "$Table" limit 200},
        least => q{SELECT pages(200)},
        why   => 'four pages',
        any_rows => 1,
    },
    {
        tool  => 'Power BI',
        about => 'a bar for each fuel, of some makes',
        sql   => q{select "_"."fuel", "_"."a0", "_"."a1" from (
            select "rows"."fuel" as "fuel", sum("rows"."mileage") as "a0", count("rows"."_id") as "a1" from (
              select "_"."_id", "_"."fuel", "_"."mileage", "_"."make" from (
                select "_id", "fuel", "mileage", "make", "year" from "crm"."cars" "$Table") "_"
              where "_"."make" in ('SEAT', 'CUPRA', 'Volkswagen', 'Škoda') and "_"."year" >= 2016 and not "_"."year" is null) "rows"
            group by "fuel") "_" where not "_"."a0" is null or not "_"."a1" is null limit 1000001},
        least => q{SELECT pages(count(*)) FROM cars WHERE make IN ('SEAT', 'CUPRA', 'Volkswagen', 'Škoda') AND year >= 2016},
        why   => 'the conditions of the subquery',
    },
    {
        tool  => 'Power BI',
        about => 'two tables, merged',
        sql   => q{select "$Outer"."_id" as "_id", "$Outer"."status" as "status", "$Inner"."created_by" as "clients.created_by" from (
              select "_"."_id", "_"."status", "_"."client_id" from "crm"."offers" "_") "$Outer"
            left outer join (
              select "_"."_id" as "_id2", "_"."created_by" from "crm"."clients" "_") "$Inner"
            on ("$Outer"."client_id" = "$Inner"."_id2" or "$Outer"."client_id" is null and "$Inner"."_id2" is null)},
        least => q{SELECT pages(count(*)) + pages(count(DISTINCT client_id)) FROM offers},
        why   => 'an _id is never NULL, so that the OR is an equality',
        allow  => 1.5,
        reason => 'four looks at the sizes of both',
    },
    {
        tool  => 'Power BI',
        about => 'the number of distinct clients, and of rows, of a year',
        sql   => q{select count(distinct("rows"."client_id")) + max(case when "rows"."client_id" is null then 1 else 0 end) as "a0", count(1) as "a1" from (
            select "_"."client_id" from "crm"."notes" "_"
             where "_"."created_at" >= timestamp '2024-01-01 00:00:00' and "_"."created_at" < timestamp '2025-01-01 00:00:00') "rows"},
        least => q{SELECT pages(count(*)) FROM notes WHERE created_at >= '2024-01-01' AND created_at < '2025-01-01'},
        why   => 'the range of dates',
    },

    # Tableau: everything in parentheses, dates by CAST and TRUNC, top N by a join
    {
        tool  => 'Tableau',
        about => 'the columns of a custom query',
        sql   => q{SELECT * FROM (SELECT * FROM "crm"."saleleads") "Custom SQL Query" WHERE (1 = 0) LIMIT 0},
        least => q{SELECT 0},
        why   => 'nothing can match',
    },
    {
        tool  => 'Tableau',
        about => 'leads of two years by type',
        sql   => q{SELECT "saleleads"."type" AS "type", COUNT("saleleads"."_id") AS "cnt:_id:ok",
            CAST(TRUNC(EXTRACT(YEAR FROM "saleleads"."created_at")) AS INTEGER) AS "yr:created_at:ok" FROM "crm"."saleleads" "saleleads"
            WHERE (CAST(TRUNC(EXTRACT(YEAR FROM "saleleads"."created_at")) AS INTEGER) IN (2024, 2025)) GROUP BY 1, 3},
        least => q{SELECT pages(count(*)) FROM saleleads WHERE extract(year FROM created_at) IN (2024, 2025)},
        why   => 'a year is a range of dates, also behind TRUNC and CAST',
    },
    {
        tool  => 'Tableau',
        about => 'tasks by month, of half a year',
        sql   => q{SELECT COUNT(DISTINCT "tasks"."client_id") AS "ctd:client_id:ok",
            DATE_TRUNC( 'MONTH', CAST("tasks"."created_at" AS TIMESTAMP WITHOUT TIME ZONE) ) AS "tmn:created_at:ok" FROM "crm"."tasks" "tasks"
            WHERE (("tasks"."created_at" >= (TIMESTAMP '2025-01-01 00:00:00.000')) AND ("tasks"."created_at" < (TIMESTAMP '2025-07-01 00:00:00.000')))
            GROUP BY 2 HAVING (COUNT(1) > 0)},
        least => q{SELECT pages(count(*)) FROM tasks WHERE created_at >= '2025-01-01' AND created_at < '2025-07-01'},
        why   => 'the range of dates',
    },
    {
        tool  => 'Tableau',
        about => 'the five makes with the most cars, by fuel',
        sql   => q{SELECT "cars"."fuel" AS "fuel", "cars"."make" AS "make", SUM("cars"."mileage") AS "sum:mileage:ok" FROM "crm"."cars" "cars"
            INNER JOIN (SELECT "cars"."make" AS "make", COUNT(1) AS "$__alias__0" FROM "crm"."cars" "cars"
              GROUP BY 1 ORDER BY 2 DESC, 1 ASC LIMIT 5) "t0" ON ("cars"."make" IS NOT DISTINCT FROM "t0"."make") GROUP BY 1, 2},
        least => q{SELECT pages(count(*)) FROM cars},
        why   => 'both sides are of the same documents',
    },
    {
        tool  => 'Tableau',
        about => 'all but some states, the quick filter',
        sql   => q{SELECT "offers"."status" AS "status", SUM(1) AS "sum:n:ok" FROM "crm"."offers" "offers"
            WHERE (NOT ("offers"."status" IN ('signed', 'draft')) AND (LEFT("offers"."lead_type", 1) = 's')) GROUP BY 1},
        least => q{SELECT pages(count(*)) FROM offers WHERE status NOT IN ('signed', 'draft') AND lead_type LIKE 's%'},
        why   => 'the first letter is a prefix',
    },

    # Grafana: the macros for time groups and time filters
    {
        tool  => 'Grafana',
        about => 'leads by week and type',
        sql   => q{SELECT floor(extract(epoch from created_at)/604800)*604800 AS "time", type AS metric, count(*) AS value FROM crm.saleleads
            WHERE created_at BETWEEN '2025-03-01T00:00:00Z' AND '2025-12-01T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2},
        least => q{SELECT pages(count(*)) FROM saleleads WHERE created_at BETWEEN '2025-03-01T00:00:00Z' AND '2025-12-01T00:00:00Z'},
        why   => 'the range of dates',
    },
    {
        tool  => 'Grafana',
        about => 'tasks of the last ninety days, as a number',
        sql   => q{SELECT now() AS time, count(*) AS value FROM crm.tasks WHERE now() - created_at < interval '{90 days}'},
        least => q{SELECT pages(count(*)) FROM tasks WHERE created_at > now() - interval '{90 days}'},
        why   => 'the difference to now is a date',
    },
    {
        tool  => 'Grafana',
        about => 'notes by day, with days that have none',
        sql   => q{SELECT d.day AS time, count(n._id) AS notes
             FROM generate_series(date_trunc('day', now() - interval '{30 days}'), date_trunc('day', now()), interval '1 day') AS d (day)
             LEFT JOIN crm.notes n ON date_trunc('day', n.created_at) = d.day AND n.created_at >= date_trunc('day', now() - interval '{30 days}')
            GROUP BY 1 ORDER BY 1},
        least => q{SELECT pages(count(*)) FROM notes WHERE created_at >= date_trunc('day', now() - interval '{30 days}')},
        why   => 'the condition on one table is its filter',
        allow  => WORST,
        reason => 'a look at the size of notes',
    },

    # PostgREST: a CTE around everything, json_agg, embedded rows by LATERAL
    {
        tool  => 'PostgREST',
        about => 'the newest cars, as JSON',
        sql   => q{WITH pgrst_source AS (SELECT "crm"."cars"."_id", "crm"."cars"."make", "crm"."cars"."created_at" FROM "crm"."cars"
              WHERE "crm"."cars"."published" = $1 ORDER BY "crm"."cars"."created_at" DESC NULLS LAST LIMIT $2 OFFSET $3)
            SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body
              FROM (SELECT * FROM pgrst_source) _postgrest_t},
        params => [ 'true', 20, 0 ],
        least  => q{SELECT 1},
        why    => 'twenty documents in an order that the service has',
        allow  => WORST,
        reason => 'the session makes sure that the service sorts',
    },
    {
        tool  => 'PostgREST',
        about => 'a page with the exact number of all',
        sql   => q{WITH pgrst_source AS (SELECT "crm"."tasks"."_id", "crm"."tasks"."description" FROM "crm"."tasks"
              WHERE "crm"."tasks"."lead_type" = 'salelead' ORDER BY "crm"."tasks"."_id" ASC LIMIT $1 OFFSET $2),
            pgrst_source_count AS (SELECT 1 FROM "crm"."tasks" WHERE "crm"."tasks"."lead_type" = 'salelead')
            SELECT (SELECT pg_catalog.count(*) FROM pgrst_source_count) AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total,
              coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t},
        params => [ 25, 0 ],
        least  => q{SELECT pages(count(*)) FROM tasks WHERE lead_type = 'salelead'},
        why    => 'the page is of the documents that are counted',
        allow  => 1.5,
        reason => 'the page is in an order, and what is counted in none',
    },
    {
        tool  => 'PostgREST',
        about => 'leads with their client embedded',
        sql   => q{WITH pgrst_source AS (SELECT "crm"."saleleads"."_id", "crm"."saleleads"."type", row_to_json("saleleads_clients_1".*)::jsonb AS "clients"
              FROM "crm"."saleleads" LEFT JOIN LATERAL (SELECT "clients_1"."_id", "clients_1"."contacts_names" FROM "crm"."clients" AS "clients_1"
                WHERE "clients_1"."_id" = "crm"."saleleads"."client_id" LIMIT 1000 OFFSET 0) AS "saleleads_clients_1" ON TRUE
              WHERE "crm"."saleleads"."created_at" >= '2026-03-01' ORDER BY "crm"."saleleads"."_id" ASC LIMIT 1000 OFFSET 0)
            SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t},
        least => q{SELECT pages(count(*)) + pages(count(DISTINCT client_id)) FROM saleleads WHERE created_at >= '2026-03-01'},
        why   => 'the leads, and the clients by the keys that these have',
    },
    {
        tool  => 'PostgREST',
        about => 'clients with their offers embedded',
        sql   => q{WITH pgrst_source AS (SELECT "crm"."clients"."_id", "clients_offers_1"."clients_offers_1" AS "offers"
              FROM "crm"."clients" LEFT JOIN LATERAL (SELECT json_agg("clients_offers_1")::jsonb AS "clients_offers_1" FROM (
                SELECT "offers_1"."_id", "offers_1"."status" FROM "crm"."offers" AS "offers_1"
                 WHERE "offers_1"."client_id" = "crm"."clients"."_id" ORDER BY "offers_1"."_id") AS "clients_offers_1") AS "clients_offers_1" ON TRUE
              ORDER BY "crm"."clients"."_id" ASC LIMIT 50 OFFSET 0)
            SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t},
        least => q{SELECT 1 + pages(count(*)) FROM offers WHERE client_id IN (SELECT _id FROM clients ORDER BY _id LIMIT 50)},
        why   => 'one page of clients, and the offers by their ids',
        allow  => WORST,
        reason => 'the session makes sure that the service sorts',
    },

    # Django
    {
        tool  => 'Django',
        about => 'the admin searches, icontains',
        sql   => q{SELECT "cars"."_id", "cars"."make", "cars"."version" FROM "crm"."cars" AS "cars"
            WHERE (UPPER("cars"."version"::text) LIKE UPPER('%tsi%') OR UPPER("cars"."description"::text) LIKE UPPER('%tsi%'))
            ORDER BY "cars"."_id" DESC LIMIT 100},
        least => q{SELECT pages(least(100, count(*))) FROM cars WHERE version ILIKE '%tsi%' OR description ILIKE '%tsi%'},
        why   => 'patterns that the service can match, in the order of _id',
        allow  => WORST,
        reason => 'the session makes sure that the service sorts',
    },
    {
        tool  => 'Django',
        about => 'how many tasks a day has, __date',
        sql   => q{SELECT COUNT(*) AS "__count" FROM "crm"."tasks" AS "tasks" WHERE ("tasks"."created_at" AT TIME ZONE 'Europe/Madrid')::date = '{day}'::date},
        given => { day => q{SELECT (created_at AT TIME ZONE 'Europe/Madrid')::date FROM tasks WHERE created_at > '2025-05-01' ORDER BY created_at LIMIT 1} },
        least => q{SELECT 1},
        why   => 'few documents of a day',
    },
    {
        tool  => 'Django',
        about => 'leads of a year by month, TruncMonth',
        sql   => q{SELECT DATE_TRUNC('month', "saleleads"."created_at" AT TIME ZONE 'Europe/Madrid') AS "month", COUNT("saleleads"."_id") AS "n"
             FROM "crm"."saleleads" AS "saleleads" WHERE "saleleads"."created_at" BETWEEN '2025-01-01T00:00:00+01:00'::timestamptz AND '2025-12-31T23:59:59.999999+01:00'::timestamptz
            GROUP BY DATE_TRUNC('month', "saleleads"."created_at" AT TIME ZONE 'Europe/Madrid') ORDER BY 1 ASC},
        least => q{SELECT pages(count(*)) FROM saleleads WHERE created_at BETWEEN '2025-01-01T00:00:00+01:00' AND '2025-12-31T23:59:59.999999+01:00'},
        why   => 'the range of dates',
    },
    {
        tool  => 'Django',
        about => 'the number of all leads, for the paginator',
        sql   => q{SELECT COUNT(*) AS "__count" FROM "crm"."saleleads" AS "saleleads"},
        least => q{SELECT 2 * ceil(log(2, pages(count(*)))) FROM saleleads},
        why   => 'who does not know how far to look doubles the step, and then halves it',
        allow  => 1.3,
        reason => 'it begins with the first pages, as most resources end there',
    },
    {
        tool  => 'Django',
        about => 'prefetch_related: the tasks of a page of clients',
        sql   => q{SELECT "tasks"."_id", "tasks"."client_id", "tasks"."description" FROM "crm"."tasks" AS "tasks" WHERE "tasks"."client_id" = ANY($1)},
        params => ['{clients}'],
        given  => { clients => q{SELECT array_agg(_id)::text FROM (SELECT _id FROM clients ORDER BY _id LIMIT 100 OFFSET 200) c} },
        least  => q{SELECT pages(count(*)) FROM tasks WHERE client_id = ANY ('{clients}')},
        why    => 'a list of a hundred ids fits into a request',
    },
    {
        tool  => 'Django',
        about => 'clients with and without tasks, Exists(OuterRef)',
        sql   => q{SELECT "clients"."_id", EXISTS(SELECT 1 AS "a" FROM "crm"."tasks" U0 WHERE U0."client_id" = ("clients"."_id") LIMIT 1) AS "has_tasks",
            (SELECT U0."created_at" FROM "crm"."saleleads" U0 WHERE U0."client_id" = ("clients"."_id") ORDER BY U0."created_at" DESC NULLS LAST LIMIT 1) AS "last_lead"
            FROM "crm"."clients" AS "clients" ORDER BY "clients"."_id" DESC LIMIT 50},
        least => q{WITH c AS (SELECT _id FROM clients ORDER BY _id DESC LIMIT 50)
            SELECT 1 + (SELECT pages(count(*)) FROM tasks WHERE client_id IN (SELECT * FROM c)) + (SELECT pages(count(*)) FROM saleleads WHERE client_id IN (SELECT * FROM c))},
        why => 'a page of clients, and the tasks and leads of their fifty ids',
        allow  => 1.4,
        reason => 'the session makes sure that the service sorts',
    },

    # Superset
    {
        tool  => 'Superset',
        about => 'a line for each of the types with the most leads',
        sql   => q{SELECT DATE_TRUNC('month', created_at) AS __timestamp, type AS type, COUNT(*) AS count FROM crm.saleleads
            JOIN (SELECT type AS type__, COUNT(*) AS mme_inner__ FROM crm.saleleads
              WHERE created_at >= TO_TIMESTAMP('2025-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND created_at < TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
              GROUP BY type ORDER BY mme_inner__ DESC LIMIT 25) AS anon_1 ON type = type__
            WHERE created_at >= TO_TIMESTAMP('2025-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND created_at < TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
            GROUP BY type, DATE_TRUNC('month', created_at) ORDER BY count DESC LIMIT 10000},
        least => q{SELECT pages(count(*)) FROM saleleads WHERE created_at >= '2025-01-01' AND created_at < '2026-01-01'},
        why   => 'both sides are of the same documents',
        allow  => 1.25,
        reason => 'both sides of the join are read at once',
    },
    {
        tool  => 'Superset',
        about => 'a virtual dataset: price bands with percentiles',
        sql   => q{SELECT fuel AS fuel, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY price) AS median, MAX(price) AS dearest
            FROM (SELECT fuel, (prices->'retail'->'current_price'->>'price')::numeric AS price, mileage FROM crm.cars WHERE published) AS virtual_table
            WHERE mileage < 60000 GROUP BY fuel ORDER BY median DESC LIMIT 1000},
        least => q{SELECT pages(count(*)) FROM cars WHERE published AND mileage < 60000},
        why   => 'the conditions of both',
    },

    # SQLAlchemy
    {
        tool  => 'SQLAlchemy',
        about => 'joinedload of a limited query',
        sql   => q{SELECT anon_1."saleleads__id", anon_1.saleleads_type, clients_1._id AS "clients_1__id", clients_1.created_at AS clients_1_created_at
            FROM (SELECT crm.saleleads._id AS "saleleads__id", crm.saleleads.type AS saleleads_type, crm.saleleads.client_id AS saleleads_client_id
                    FROM crm.saleleads WHERE crm.saleleads.type = $1 ORDER BY crm.saleleads._id DESC LIMIT $2) AS anon_1
            LEFT OUTER JOIN crm.clients AS clients_1 ON clients_1._id = anon_1.saleleads_client_id ORDER BY anon_1."saleleads__id" DESC},
        params => [ 'ocasión', 40 ],
        least  => q{SELECT 2},
        why    => 'forty leads, and their clients by id',
        allow  => 1.5,
        reason => 'the session makes sure that the service sorts',
    },
    {
        tool  => 'SQLAlchemy',
        about => 'the next page, by its keys',
        sql   => q{SELECT crm.tasks._id, crm.tasks.created_at, crm.tasks.description FROM crm.tasks
            WHERE (crm.tasks.created_at, crm.tasks._id) > ($1, $2) ORDER BY crm.tasks.created_at, crm.tasks._id LIMIT $3},
        params => [ '{at}', '{id}', 50 ],
        given  => {
            at => q{SELECT created_at FROM tasks WHERE created_at > '2023-01-01' ORDER BY created_at LIMIT 1},
            id => q{SELECT _id FROM tasks WHERE created_at > '2023-01-01' ORDER BY created_at LIMIT 1},
        },
        least  => q{SELECT 1},
        why    => 'the page',
        allow  => WORST,
        reason => 'the session makes sure that the service sorts',
    },

    # People
    {
        tool  => 'psql',
        about => 'clients who never had a lead',
        sql   => q{SELECT c._id FROM crm.clients c LEFT JOIN crm.saleleads s ON s.client_id = c._id WHERE s._id IS NULL},
        least => q{SELECT (SELECT pages(count(*)) FROM clients) + (SELECT pages(count(*)) FROM saleleads)},
        why   => 'all of both, as there are more keys than documents',
    },
    {
        tool  => 'psql',
        about => 'the funnel of a year, by quarter',
        sql   => q{SELECT date_trunc('quarter', created_at) AS quarter, count(*) AS leads, count(*) FILTER (WHERE status->>'status' = 'won') AS won,
            count(*) FILTER (WHERE status->>'status' = 'lost') AS lost, sum(count(*)) OVER (ORDER BY date_trunc('quarter', created_at)) AS so_far
            FROM crm.saleleads WHERE extract(year FROM created_at) = 2025 GROUP BY 1 ORDER BY 1},
        least => q{SELECT pages(count(*)) FROM saleleads WHERE extract(year FROM created_at) = 2025},
        why   => 'a year is a range of dates',
    },
    {
        tool  => 'psql',
        about => 'the stock by make and fuel, with totals',
        sql   => q{SELECT make, fuel, count(*), round(avg((prices->'retail'->'current_price'->>'price')::numeric)) FROM crm.cars
            WHERE year::text = '2020' OR year::text = '2019' OR year::text = '2021' GROUP BY ROLLUP (make, fuel) ORDER BY 1, 2},
        least => q{SELECT pages(count(*)) FROM cars WHERE year IN (2019, 2020, 2021)},
        why   => 'the text of a number is that of one number',
    },
    {
        tool  => 'psql',
        about => 'the latest note of each client of a year, and a word in it',
        sql   => q{SELECT DISTINCT ON (client_id) client_id, created_at, content FROM crm.notes
            WHERE position('llam' in content) > 0 OR strpos(content, 'presupuesto') > 0 ORDER BY client_id, created_at DESC NULLS LAST, _id},
        least => q{SELECT pages(count(*)) FROM notes WHERE content LIKE '%llam%' OR content LIKE '%presupuesto%'},
        why   => 'a part of a text is a pattern',
    },
    {
        tool  => 'psql',
        about => 'all kinds of work of a client in one list',
        sql   => q{SELECT 'lead' AS what, _id, created_at FROM crm.saleleads WHERE client_id = '{client}'
            UNION ALL SELECT 'task', _id, created_at FROM crm.tasks WHERE client_id = '{client}'
            UNION ALL SELECT 'note', _id, created_at FROM crm.notes WHERE client_id = '{client}'
            UNION ALL SELECT 'offer', _id, created_at FROM crm.offers WHERE client_id = '{client}' ORDER BY 3, 2},
        given => { client => q{SELECT client_id FROM tasks WHERE client_id IS NOT NULL GROUP BY client_id ORDER BY count(*) DESC, client_id LIMIT 1} },
        least => 'SELECT '
          . join(' + ', map { "(SELECT pages(count(*)) FROM $_ WHERE client_id = '{client}')" } qw(saleleads tasks notes offers)),
        why => 'what each resource has of the client',
    },
    {
        tool  => 'psql',
        about => 'four figures of one table under each other',
        sql   => q{SELECT 'all' AS what, count(created_at) FROM crm.dates UNION ALL SELECT 'with a client', count(client_id) FROM crm.dates
            UNION ALL SELECT 'showed up', count(*) FILTER (WHERE showed_up) FROM crm.dates UNION ALL SELECT 'hours', round(sum(duration) / 60) FROM crm.dates},
        least => q{SELECT pages(count(*)) FROM dates},
        why   => 'all four are of the same documents',
        allow  => 1.25,
        reason => 'half a page more for each range',
    },
    {
        tool  => 'psql',
        about => 'cars that have been entered twice',
        sql   => q{SELECT a._id, b._id, a.license_plate FROM crm.cars a JOIN crm.cars b ON b.license_plate = a.license_plate AND b._id > a._id},
        least => q{SELECT pages(count(*)) FROM cars},
        why   => 'both sides are of the same documents',
    },
    {
        tool  => 'psql',
        about => 'leads won and lost again, by a CTE used twice',
        sql   => q{WITH decided AS (SELECT client_id, status->>'status' AS status, created_at FROM crm.saleleads WHERE status->>'status' IN ('won', 'lost'))
            SELECT w.client_id, count(*) FROM decided w JOIN decided l ON l.client_id = w.client_id AND l.created_at > w.created_at
             WHERE w.status = 'lost' AND l.status = 'won' GROUP BY 1},
        least => q{SELECT pages(count(*)) FROM saleleads WHERE status ->> 'status' IN ('won', 'lost')},
        why   => 'a CTE is read once',
    },
    {
        tool  => 'psql',
        about => 'what stands in the yard for long, and who has asked for it',
        sql   => q{SELECT s.place, c.make, c.model, (SELECT count(*) FROM crm.offers o WHERE o.client_id = s.reserved_by) AS offers
            FROM dealer.stock s JOIN crm.cars c ON c._id = s.crm_id WHERE s.days > 120},
        least => q{SELECT pages(count(*)) + (SELECT pages(count(*)) FROM offers WHERE client_id IN (SELECT reserved_by FROM dealer.stock WHERE days > 120)) FROM dealer.stock WHERE days > 120},
        why   => 'the cars by their ids, and the offers by their clients',
    },
    {
        tool  => 'psql',
        about => 'tasks of sale leads, with the state of the lead',
        sql   => q{SELECT t._id, t.description, l.status->>'status' AS status FROM crm.tasks t
            LEFT JOIN crm.saleleads l ON t.lead_type = 'salelead' AND l._id = t.lead_id WHERE t.created_at >= '2025-06-01'},
        least => q{SELECT pages(count(*)) + pages(count(DISTINCT lead_id) FILTER (WHERE lead_type = 'salelead')) FROM tasks WHERE created_at >= '2025-06-01'},
        why   => 'the tasks, and the leads of those that have one',
        allow  => 1.25,
        reason => 'a look at the size of leads',
    },
);

sub questions
{
    return @QUESTIONS;
}

# What a question may cost, whose least is this.
sub requests_allowed
{
    my ($question, $least) = @_;
    return int(($question->{allow} // RATIO) * $least);
}

# The schema copy with a table of each resource, and the schema dealer.
sub create_copies
{
    my ($dbh) = @_;
    $dbh->do($_) for (
        'CREATE SCHEMA copy',
        map({ "CREATE TABLE copy.$_ AS SELECT * FROM crm.$_" } sort keys %{ SIZES() }),
        map({ "CREATE INDEX ON copy.$_ (_id)" } sort keys %{ SIZES() }),
        map({ "ANALYZE copy.$_" } sort keys %{ SIZES() }),
        q{CREATE FUNCTION copy.pages(bigint) RETURNS bigint IMMUTABLE LANGUAGE sql RETURN greatest(1, ceil($1 / 50.0))},
        'CREATE SCHEMA dealer',
        q{CREATE TABLE dealer.stock AS SELECT 'P-' || n AS place, n * 3 AS days, _id AS crm_id,
             (SELECT client_id FROM copy.offers WHERE client_id IS NOT NULL ORDER BY _id LIMIT 1 OFFSET n) AS reserved_by
             FROM (SELECT row_number() OVER (ORDER BY md5(_id)) AS n, _id FROM copy.cars) c WHERE n <= 70},
        'ANALYZE dealer.stock');
    return;
}

# Ask one question in a session that has asked nothing yet.  Returns rows, rows of the copies, the least and what
# `begin` and `end` are called around: {rows, same, least, result of end}.  All of it is in one transaction, so that
# now() is the same for all.
sub ask
{
    my ($session, $question, $begin, $end) = @_;
    my %known = known_values($session, $question);
    $session->begin_work;
    $begin->();
    my %asked = (rows => rows_of($session, $question, \%known, 'crm'));
    $asked{seen} = $end->();
    $asked{same} = rows_of($session, $question, \%known, 'copy');
    $session->do('SET LOCAL search_path = copy, public');
    ($asked{least}) = $session->selectrow_array(filled($question->{least}, \%known));
    $session->rollback;
    return \%asked;
}

sub rows_of
{
    my ($session, $question, $known, $schema) = @_;
    my $sql = filled($question->{sql}, $known);
    $sql =~ s/"crm"\./"$schema"./g;
    $sql =~ s/\bcrm\./$schema./g;
    local $session->{pg_placeholder_dollaronly} = 1;
    my $rows = $session->selectall_arrayref($sql, undef, map { filled($_, $known) } @{ $question->{params} // [] });
    return scalar @$rows if $question->{any_rows};
    return [ sort map { join '|', map { ref ? "{@$_}" : $_ // 'NULL' } @$_ } @$rows ];
}

# What stands for {name} and {3 months}, by what stands between the braces.
sub known_values
{
    my ($session, $question) = @_;
    my %known;
    my $text = join ' ', $question->{sql}, $question->{least};
    my ($behind) = $session->selectrow_array('SELECT ceil(extract(epoch FROM now() - max(created_at)) / 86400) FROM copy.saleleads');
    while ($text =~ /\{((\d+) (day|month)s)\}/g)
    {
        $known{$1} = $behind + $2 * ($3 eq 'day' ? 1 : 30) . ' days';
    }
    for my $name (sort keys %{ $question->{given} // {} })
    {
        ($known{$name}) = $session->selectrow_array($question->{given}{$name} =~ s/\bFROM ([a-z]+)\b/FROM copy.$1/gr);
    }
    return %known;
}

sub filled
{
    my ($text, $known) = @_;
    return $text =~ s/\{([\w ]+)\}/$known->{$1} \/\/ "{$1}"/ger;
}

1;

-- A tour of walcu_fdw: a CRM as tables, from nothing to reports.
--
-- `make demo` runs this against a throwaway PostgreSQL cluster and the sandbox CRM, with
-- psql's variable `endpoint` set to the latter.  The sandbox's clock stands at 30 June 2026.

\pset null '-'
SET timezone = 'UTC';
-- The data are as unclean as those of a CRM that grew over years: section 10 shows what does not fit.
SET client_min_messages = error;

\echo '-- 1. A server, credentials, and every resource of the CRM as a table'
\echo

CREATE EXTENSION walcu_fdw;

CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678', on_type_mismatch 'null');

CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');

CREATE SCHEMA crm;

IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO crm
  OPTIONS (flatten '3', import_search 'true');

SELECT 'saleleads' AS resource, count(*) AS documents, max(created_at)::date AS newest FROM crm.saleleads
UNION ALL SELECT 'aftersaleleads', count(*), max(created_at)::date FROM crm.aftersaleleads
UNION ALL SELECT 'appraisalleads', count(*), max(created_at)::date FROM crm.appraisalleads
UNION ALL SELECT 'clients', count(*), max(created_at)::date FROM crm.clients
UNION ALL SELECT 'contacts', count(*), max(created_at)::date FROM crm.contacts
UNION ALL SELECT 'cars', count(*), max(created_at)::date FROM crm.cars
UNION ALL SELECT 'clientvehicles', count(*), max(created_at)::date FROM crm.clientvehicles
UNION ALL SELECT 'repairorders', count(*), max(created_at)::date FROM crm.repairorders
UNION ALL SELECT 'offers', count(*), max(created_at)::date FROM crm.offers
UNION ALL SELECT 'tasks', count(*), max(created_at)::date FROM crm.tasks
UNION ALL SELECT 'dates', count(*), max(created_at)::date FROM crm.dates
UNION ALL SELECT 'notes', count(*), max(created_at)::date FROM crm.notes
UNION ALL SELECT 'conferences', count(*), max(created_at)::date FROM crm.conferences
UNION ALL SELECT 'sms', count(*), max(created_at)::date FROM crm.sms
UNION ALL SELECT 'whatsappsessions', count(*), max(created_at)::date FROM crm.whatsappsessions
UNION ALL SELECT 'whatsappmessages', count(*), max(created_at)::date FROM crm.whatsappmessages
UNION ALL SELECT 'chatproviders', count(*), max(created_at)::date FROM crm.chatproviders
UNION ALL SELECT 'chatsessions', count(*), max(created_at)::date FROM crm.chatsessions
UNION ALL SELECT 'chatmessages', count(*), max(created_at)::date FROM crm.chatmessages
UNION ALL SELECT 'leadimporttasks', count(*), max(created_at)::date FROM crm.leadimporttasks;

\echo '-- 2. Who wants which car: leads, their clients and our stock'
\echo

SELECT l.created_at::date AS since, c.primary_contact_name_raw_name AS client,
       v.make, v.model, v.prices_retail_current_price_price AS price
  FROM crm.saleleads l
  JOIN crm.clients c ON c._id = l.client_id
  CROSS JOIN LATERAL jsonb_path_query(l.car_list, '$[*].car_id') AS wanted(car_id)
  JOIN crm.cars v ON v._id = wanted.car_id #>> '{}'
 WHERE l.status_status IN ('new', 'open', 'negotiation')
   AND v.status_status = 'available'
 ORDER BY l.created_at DESC
 LIMIT 8;

\echo '-- 3. With a table of our own: what each site should have in stock, and what it has'
\echo

CREATE TABLE stock_target (site text PRIMARY KEY, cars int NOT NULL);
INSERT INTO stock_target
  VALUES ('A Coruña', 10), ('Alcalá', 8), ('Logroño', 6), ('Madrid Norte', 12), ('Málaga Centro', 12);

SELECT t.site, t.cars AS target, count(v._id) AS in_stock, count(v._id) - t.cars AS diff,
       round(sum(v.prices_retail_current_price_price)) AS value
  FROM stock_target t
  LEFT JOIN crm.cars v ON v.location = t.site AND v.status_status IN ('available', 'preparation', 'reserved')
 GROUP BY t.site, t.cars
 ORDER BY diff, t.site;

\echo '-- 4. The funnel: leads of three kinds by status'
\echo

SELECT status,
       count(*) FILTER (WHERE kind = 'sale') AS sale,
       count(*) FILTER (WHERE kind = 'aftersale') AS aftersale,
       count(*) FILTER (WHERE kind = 'appraisal') AS appraisal,
       round(avg(cost), 2) AS avg_cost
  FROM (SELECT 'sale', status_status, cost FROM crm.saleleads
        UNION ALL SELECT 'aftersale', status_status, cost FROM crm.aftersaleleads
        UNION ALL SELECT 'appraisal', status_status, cost FROM crm.appraisalleads
       ) AS lead(kind, status, cost)
 GROUP BY status
 ORDER BY array_position('{new,open,negotiation,won,lost}', status);

\echo '-- 5. What is due: tasks nobody has done, and the next appointments'
\echo

SELECT t.notification_notify_at::date AS due, left(c.primary_contact_name_raw_name, 24) AS client,
       left(t.description, 36) AS task
  FROM crm.tasks t
  LEFT JOIN crm.clients c ON c._id = t.client_id
 WHERE NOT t.notification_done AND t.notification_notify_at BETWEEN '2026-01-01' AND '2026-06-30'
 ORDER BY due
 LIMIT 6;

SELECT d.start_date::timestamp(0) AS starts, left(d.title, 24) AS title, left(k.name_raw_name, 24) AS contact
  FROM crm.dates d
  LEFT JOIN crm.clients c ON c._id = d.client_id
  LEFT JOIN crm.contacts k ON k._id = c.primary_contact__id
 WHERE d.start_date >= '2026-06-01'
 ORDER BY d.start_date
 LIMIT 6;

\echo '-- 6. Who talks to us, and how: calls, SMS, WhatsApp and chats'
\echo

SELECT channel,
       count(*) FILTER (WHERE direction = 'inbound') AS inbound,
       count(*) FILTER (WHERE direction = 'outbound') AS outbound,
       max(at)::date AS last
  FROM (SELECT 'calls', direction, made_at FROM crm.conferences
        UNION ALL SELECT 'SMS', direction, created_at FROM crm.sms
        UNION ALL SELECT 'WhatsApp', direction, made_at FROM crm.whatsappmessages
        UNION ALL SELECT 'chat', direction, sent_at FROM crm.chatmessages
       ) AS said(channel, direction, at)
 GROUP BY channel
 ORDER BY count(*) DESC;

SELECT p.name AS provider, count(DISTINCT s._id) AS sessions, count(m._id) AS messages
  FROM crm.chatproviders p
  JOIN crm.chatsessions s ON s.provider_id = p._id
  LEFT JOIN crm.chatmessages m ON m.session_id = s._id
 GROUP BY p.name
 ORDER BY messages DESC
 LIMIT 4;

\echo '-- 7. The workshop: repair orders by type, and the vehicles that come most often'
\echo

SELECT type, count(*) FILTER (WHERE finished) AS finished, count(*) FILTER (WHERE NOT finished) AS open,
       round(avg(mileage)) AS avg_km
  FROM crm.repairorders
 GROUP BY type
 ORDER BY count(*) DESC;

SELECT v.license_plate, v.make, v.model, count(*) AS visits, max(r.date)::date AS last
  FROM crm.repairorders r
  JOIN crm.clientvehicles v ON v.license_plate = r.car_info_license_plate
 GROUP BY v._id, v.license_plate, v.make, v.model
 ORDER BY visits DESC, last DESC
 LIMIT 4;

\echo '-- 8. What it costs: EXPLAIN shows the requests, and what is not part of them'
\echo

EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
SELECT make, model FROM crm.cars
 WHERE status_status = 'available' AND mileage < 90000 AND length(model) > 4;

EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
SELECT make, model FROM crm.cars WHERE make IN ('SEAT', 'CUPRA') ORDER BY _id DESC LIMIT 3;

SELECT _id AS car FROM crm.cars WHERE make = 'Toyota' ORDER BY _id LIMIT 1
\gset

EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
SELECT make, model FROM crm.cars WHERE _id = :'car';

EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
SELECT make, model FROM crm.cars WHERE _search = 'make = Toyota and year > 2018';

\echo '-- 9. Beyond the tables: any call of the API, here a count made by the service'
\echo

SELECT g->'_id'->>'make' AS make, g->'count' AS cars
  FROM jsonb_array_elements(walcu_fdw_request('crm', 'GET', '/cars',
         '{"group_by": {"make": "$make"}, "sort": "-count", "limit": 5}')) AS g;

\echo '-- 10. What does not fit its column: read as NULL and counted, or an error that says where'
\echo

SET client_min_messages = warning;

SELECT count(l) AS leads_with_every_column FROM crm.saleleads l;

ALTER SERVER crm OPTIONS (SET on_type_mismatch 'error');

\echo '-- This error is meant to be:'
\set ON_ERROR_STOP off
SELECT count(l) FROM crm.saleleads l;
\set ON_ERROR_STOP on

ALTER SERVER crm OPTIONS (SET on_type_mismatch 'null');

\echo '-- 11. A local copy: filled once, and later a request for what has changed'
\echo

SELECT walcu_fdw_copy('crm.cars');

UPDATE crm.cars SET mileage = 12000 WHERE _id = :'car';

SELECT * FROM walcu_fdw_refresh('crm_copy.cars');

SELECT make, count(*) AS cars, round(avg(mileage)) AS mileage FROM crm_copy.cars GROUP BY make ORDER BY cars DESC, make LIMIT 3;

SELECT copy, state, requests, refresh_every, reconcile_every FROM walcu_fdw_copies;

\echo '-- 12. The outbox: writes that are recorded with your own rows, and sent after the commit'
\echo

ALTER SERVER crm OPTIONS (ADD write_mode 'outbox', ADD client_ids 'true');

BEGIN;
INSERT INTO crm.notes (_id, content) VALUES ('64f0a1b2c3d4e5f601020304', 'of the outbox');
UPDATE crm.notes SET content = 'of the outbox, changed' WHERE _id = '64f0a1b2c3d4e5f601020304';
COMMIT;

SELECT id, "table", operation, _id, state, waits_for FROM walcu_fdw_outbox;

CALL walcu_fdw_outbox_send();

SELECT content FROM crm.notes WHERE _id = '64f0a1b2c3d4e5f601020304';

ALTER SERVER crm OPTIONS (DROP write_mode, DROP client_ids);

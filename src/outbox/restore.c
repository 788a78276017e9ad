/*
 * restore.c
 *	  Entries of the outbox that come from a dump.
 *
 * SQL calls in here, by a trigger of the entries' table.  What modify/outbox_record.c records fires none.
 * A dump has tables and roles by their names, but a server by its number, which is another one in another
 * database: what was restored and what is written later to one document would not be known to belong
 * together.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "modify/outbox_table.h"
#include "plan/relinfo.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(walcu_fdw_outbox_entry_restored);

/*
 * walcu_fdw_outbox_entry_restored() returns trigger
 *
 * Gives a new entry the server of its table.  Error: 39P01 when it is called otherwise than before an insert
 * of a row.
 */
Datum
walcu_fdw_outbox_entry_restored(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	Oid relation;
	int column = OUTBOX_SERVER;
	Datum server;
	bool is_null;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("walcu_fdw_outbox_entry_restored is for a trigger before an insert of a row"));
	tuple = trigger->tg_trigtuple;
	relation = DatumGetObjectId(
		heap_getattr(tuple, OUTBOX_RELATION, RelationGetDescr(trigger->tg_relation), &is_null));
	if (!is_null && relinfo_is_our_table(relation))
	{
		server = ObjectIdGetDatum(GetForeignTable(relation)->serverid);
		tuple = heap_modify_tuple_by_cols(tuple, RelationGetDescr(trigger->tg_relation), 1, &column, &server,
										  &is_null);
	}
	return PointerGetDatum(tuple);
}

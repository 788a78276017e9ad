/*
 * step.c
 *	  The steps of a setup: what is run, and what is found.
 *
 * The files of this folder add steps in the order in which they are to be run, and setup.c has them run when
 * the plan is whole.
 */
#include "postgres.h"

#include "setup/step.h"

#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "service/foreign_table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

static void add_step(WalcuSetup *setup, WalcuSetupStep step);
static const char *name_relation_kind(char kind);

/* What ALTER calls relations; others are tables to it. */
static const struct
{
	char kind;
	const char *name;
} relation_kinds[] = {
	{RELKIND_VIEW, "VIEW"},
	{RELKIND_MATVIEW, "MATERIALIZED VIEW"},
	{RELKIND_FOREIGN_TABLE, "FOREIGN TABLE"},
	{RELKIND_SEQUENCE, "SEQUENCE"},
	{RELKIND_INDEX, "INDEX"},
	{RELKIND_PARTITIONED_INDEX, "INDEX"},
	{RELKIND_COMPOSITE_TYPE, "TYPE"},
};

/* Adds a statement, or several with semicolons between them, that is to be run. */
void
step_run(WalcuSetup *setup, const char *action, const char *object, const char *statement, const char *detail)
{
	add_step(setup, (WalcuSetupStep){action, object, statement, detail, NULL});
}

/* Adds a finding: nothing is run for it. */
void
step_find(WalcuSetup *setup, const char *action, const char *object, const char *detail, const char *advice)
{
	add_step(setup, (WalcuSetupStep){action, object, NULL, detail, advice});
}

/* Returns the command that makes the name of a relation free. */
char *
step_rename_advice(Oid relid)
{
	const char *name = get_rel_name(relid);
	char *free_name = ChooseRelationName(name, NULL, "other", get_rel_namespace(relid), false);

	return psprintf("ALTER %s %s RENAME TO %s", name_relation_kind(get_rel_relkind(relid)),
					foreign_table_name(relid), quote_identifier(free_name));
}

static const char *
name_relation_kind(char kind)
{
	for (int i = 0; i < lengthof(relation_kinds); i++)
	{
		if (relation_kinds[i].kind == kind)
			return relation_kinds[i].name;
	}
	return "TABLE";
}

static void
add_step(WalcuSetup *setup, WalcuSetupStep step)
{
	WalcuSetupStep *copy = palloc(sizeof(WalcuSetupStep));

	*copy = step;
	setup->steps = lappend(setup->steps, copy);
}

/* Runs the statements, in their order and as the current user.  What fails ends the statement as a whole. */
void
step_carry_out(const WalcuSetup *setup)
{
	ListCell *lc;

	SPI_connect();
	foreach(lc, setup->steps)
	{
		const WalcuSetupStep *step = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (step->statement)
			SPI_execute(step->statement, false, 0);
	}
	SPI_finish();
}

void
step_put_rows(const WalcuSetup *setup, ReturnSetInfo *result)
{
	ListCell *lc;

	foreach(lc, setup->steps)
	{
		const WalcuSetupStep *step = lfirst(lc);
		const char *const texts[] = {step->action, step->object, step->statement, step->detail, step->advice};
		Datum values[lengthof(texts)] = {0};
		bool nulls[lengthof(texts)];

		for (int i = 0; i < lengthof(texts); i++)
		{
			nulls[i] = texts[i] == NULL;
			if (texts[i])
				values[i] = CStringGetTextDatum(texts[i]);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * fixed_settings.c
 *	  Input and output of types under settings that no session changes.
 *
 * What DateStyle and its like are set to decides what an output function writes and how an input function
 * reads it. Texts that leave the server, or come from outside, have to mean the same in every session.
 * Whoever calls a type's functions for such texts asks once which settings the type uses, and enters those
 * around the calls.
 */
#include "postgres.h"

#include "base/fixed_settings.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define USES_DATE     (1 << 0)
#define USES_INTERVAL (1 << 1)
#define USES_FLOAT    (1 << 2)
#define USES_BYTEA    (1 << 3)
#define USES_MONEY    (1 << 4)
#define USES_ZONE     (1 << 5)
#define USES_NULLS    (1 << 6)
#define USES_XML      (1 << 7)
#define USES_NAMES    (1 << 8)

/*
 * The setting for names of objects is only for the types that hold them: a user's type may look for its own
 * functions.
 */
#define USES_ANY (USES_NAMES - 1)

/* The settings are fixed at these values: PostgreSQL's defaults, or what every reader accepts, and UTC. */
static const struct
{
	uint32 use;
	const char *name;
	const char *value;
} settings_fixed[] = {
	{USES_DATE, "datestyle", "ISO, MDY"},
	{USES_INTERVAL, "intervalstyle", "postgres"},
	{USES_FLOAT, "extra_float_digits", "1"},
	{USES_BYTEA, "bytea_output", "hex"},
	{USES_MONEY, "lc_monetary", "C"},
	{USES_ZONE, "timezone", "UTC"},
	{USES_ZONE, "timezone_abbreviations", "Default"},
	{USES_NULLS, "array_nulls", "on"},
	{USES_XML, "xmloption", "content"},
	{USES_NAMES, "quote_all_identifiers", "off"},
	{USES_NAMES, "search_path", "pg_catalog"},
};

/* Base types use these settings; types that are not listed may use any. */
static const struct
{
	Oid type;
	uint32 uses;
} type_uses[] = {
	{BOOLOID, 0},
	{CHAROID, 0},
	{NAMEOID, 0},
	{INT2OID, 0},
	{INT4OID, 0},
	{INT8OID, 0},
	{TEXTOID, 0},
	{VARCHAROID, 0},
	{BPCHAROID, 0},
	{OIDOID, 0},
	{NUMERICOID, 0},
	{UUIDOID, 0},
	{JSONOID, 0},
	{JSONBOID, 0},
	{JSONPATHOID, 0},
	{INETOID, 0},
	{CIDROID, 0},
	{MACADDROID, 0},
	{MACADDR8OID, 0},
	{BITOID, 0},
	{VARBITOID, 0},
	{TSVECTOROID, 0},
	{TSQUERYOID, 0},
	{DATEOID, USES_DATE | USES_ZONE},
	{TIMEOID, USES_DATE | USES_ZONE},
	{TIMETZOID, USES_DATE | USES_ZONE},
	{TIMESTAMPOID, USES_DATE | USES_ZONE},
	{TIMESTAMPTZOID, USES_DATE | USES_ZONE},
	{INTERVALOID, USES_INTERVAL},
	{FLOAT4OID, USES_FLOAT},
	{FLOAT8OID, USES_FLOAT},
	{BYTEAOID, USES_BYTEA},
	{CASHOID, USES_MONEY},
	{XMLOID, USES_XML},
	{REGPROCOID, USES_NAMES},
	{REGPROCEDUREOID, USES_NAMES},
	{REGOPEROID, USES_NAMES},
	{REGOPERATOROID, USES_NAMES},
	{REGCLASSOID, USES_NAMES},
	{REGCOLLATIONOID, USES_NAMES},
	{REGTYPEOID, USES_NAMES},
	{REGROLEOID, USES_NAMES},
	{REGNAMESPACEOID, USES_NAMES},
	{REGCONFIGOID, USES_NAMES},
	{REGDICTIONARYOID, USES_NAMES},
};

static uint32 find_composite_uses(Oid type);
static bool is_fixed(const char *name, const char *value);

/* Returns the settings on which a type's text depends, for fixed_settings_enter; 0 when there are none. */
uint32
fixed_settings_of_type(Oid type)
{
	Oid base = getBaseType(type);
	Oid inner;

	check_stack_depth();
	for (int i = 0; i < lengthof(type_uses); i++)
	{
		if (type_uses[i].type == base)
			return type_uses[i].uses;
	}
	if (OidIsValid(inner = get_element_type(base)))
		return fixed_settings_of_type(inner) | USES_NULLS;
	if (OidIsValid(inner = get_range_subtype(base)))
		return fixed_settings_of_type(inner);
	if (OidIsValid(inner = get_multirange_range(base)))
		return fixed_settings_of_type(inner);
	if (get_typtype(base) == TYPTYPE_COMPOSITE)
		return find_composite_uses(base);
	return type_is_enum(base) ? 0 : USES_ANY;
}

/* Fixes these settings until fixed_settings_leave, or until the end of a transaction that fails. */
int
fixed_settings_enter(uint32 settings)
{
	int level = 0;

	for (int i = 0; i < lengthof(settings_fixed); i++)
	{
		if (!(settings & settings_fixed[i].use) || is_fixed(settings_fixed[i].name, settings_fixed[i].value))
			continue;
		if (level == 0)
			level = NewGUCNestLevel();
		(void) set_config_option(settings_fixed[i].name, settings_fixed[i].value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	}
	return level;
}

/* Goes back to the session's settings; level is what fixed_settings_enter returned. */
void
fixed_settings_leave(int level)
{
	if (level > 0)
		AtEOXact_GUC(true, level);
}

/* Returns the text of a value, as its type writes it whatever the session has set. */
char *
fixed_settings_text(Oid type, Datum value)
{
	int level = fixed_settings_enter(fixed_settings_of_type(type));
	Oid output;
	bool is_varlena;
	char *text;

	getTypeOutputInfo(type, &output, &is_varlena);
	text = OidOutputFunctionCall(output, value);
	fixed_settings_leave(level);
	return text;
}

static uint32
find_composite_uses(Oid type)
{
	TupleDesc columns = lookup_rowtype_tupdesc(type, -1);
	uint32 uses = 0;

	for (int i = 0; i < columns->natts; i++)
	{
		if (!TupleDescAttr(columns, i)->attisdropped)
			uses |= fixed_settings_of_type(TupleDescAttr(columns, i)->atttypid);
	}
	ReleaseTupleDesc(columns);
	return uses;
}

/*
 * Tells whether a setting is as it would be fixed.  In most sessions most are, and a look at one is cheaper
 * than a change.
 */
static bool
is_fixed(const char *name, const char *value)
{
	const char *now = GetConfigOption(name, true, false);

	return now && strcmp(now, value) == 0;
}

CREATE FUNCTION fuzz_run(text, text[]) RETURNS void LANGUAGE c AS MODULE
CREATE FUNCTION fuzz_replay(text, text) RETURNS int LANGUAGE c AS MODULE
CREATE TYPE fuzz_mood AS ENUM ('sad', 'happy')
CREATE DOMAIN fuzz_positive AS int CHECK (value > 0)
CREATE DOMAIN fuzz_short AS varchar(2)
CREATE DOMAIN fuzz_json AS jsonb
CREATE DOMAIN fuzz_yes AS boolean CHECK (value)

-- The caller's search_path: operators and functions of others that fit better than PostgreSQL's are not taken.
\ir common.psql

CREATE TABLE bought AS
SELECT u, i, '2024-01-01'::timestamptz + interval '1 day' * u AS at
FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE noise(u::text, i::text) < 5.0 / (6 + i);
CREATE INDEX ON bought (u);
CREATE TABLE test AS SELECT u, i FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE noise('test', u::text, i::text) < 0.1;
CREATE TABLE items AS SELECT i, 'kind ' || i % 3 AS kind FROM generate_series(1, 30) i;
ALTER TABLE items ADD PRIMARY KEY (i);
CREATE TABLE people AS SELECT u, 'group ' || u % 2 AS kind FROM generate_series(1, 40) u;
ALTER TABLE people ADD PRIMARY KEY (u);
CREATE TABLE pairs AS SELECT a::smallint AS a, b::varchar::int AS b, 0.5::numeric AS alike FROM generate_series(1, 30) a, generate_series(1, 30) b;
CREATE TABLE flags AS SELECT noise(i::text) AS a, noise('y', i::text) < noise(i::text) AS y FROM generate_series(1, 200) i;
SELECT longtail.train('als', 'bought', 'als', 'u', 'i', item_features => 'items', options => '{"factors": 4, "epochs": 3}') \g /dev/null
SELECT longtail.train('searched', 'bought', 'item_knn', 'u', 'i', options => '{"search": {"neighbors": [5, 10]}}') \g /dev/null
SELECT longtail.train('flags', 'flags', 'logistic', label_column => 'y') \g /dev/null

-- Every operator on these types that PostgreSQL has not.
CREATE SCHEMA traps;
DO $$ DECLARE t record; BEGIN
    FOR t IN SELECT l, r FROM unnest('{int4,int8,float8,numeric,text,name,jsonb,regclass,timestamptz}'::regtype[]) l, unnest('{int4,int8,float8,numeric,text,name,jsonb,regclass,timestamptz}'::regtype[]) r LOOP
        EXECUTE format('CREATE FUNCTION traps.trap(%s, %s) RETURNS %1$s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped by an operator on %1$s and %2$s''; END $f$', t.l, t.r);
        EXECUTE (SELECT string_agg(format('CREATE OPERATOR traps.%s (FUNCTION = traps.trap, LEFTARG = %s, RIGHTARG = %s)', o, t.l, t.r), ';')
                 FROM unnest('{+,-,*,/,||,=,<>,<,>,<=,>=,~,->,->>}'::text[]) o
                 WHERE NOT EXISTS (SELECT FROM pg_operator WHERE oprname = o AND oprleft = t.l AND oprright = t.r AND oprnamespace = 'pg_catalog'::regnamespace));
    END LOOP;
    FOR t IN SELECT f, a FROM (VALUES ('round', 'float8, int'), ('replace', 'text, varchar, varchar'), ('to_char', 'int, varchar'), ('to_char', 'int8, varchar'), ('format', 'text, text'), ('format', 'text, text, text, text'), ('string_agg', 'text, varchar')) v (f, a) LOOP
        EXECUTE format('CREATE FUNCTION traps.%s(%s) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped by %1$s''; END $f$', t.f, t.a);
    END LOOP;
END $$;
CREATE FUNCTION among_traps(call text) RETURNS text LANGUAGE plpgsql SET search_path = t, public, traps AS $$ BEGIN
    EXECUTE 'SELECT * FROM longtail.' || call;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;

SELECT is(among_traps($$markup('a'::text || 1)$$), 'trapped by an operator on text and integer', 'there are traps');
SELECT is(among_traps(c), NULL, c) FROM unnest(ARRAY[
    $$exposure('als', 'bought', 'i', 'at', 'week')$$,
    $$exposure('als', 'bought', 'i', 'at', 'week', 'kind', 'items')$$,
    $$report('als', 'test')$$,
    $$report('searched', 'test')$$,
    $$report('flags', 'flags')$$,
    $$plot_tradeoff('als', 'test', options => '{"ndcg_budget": 0.1}')$$,
    $$plot_training('als')$$,
    $$plot_long_tail('als')$$,
    $$plot_roc('flags', 'flags')$$,
    $$plot_calibration('flags', 'flags')$$,
    $$recommend('als', 3, 5, 'calibrated', 0.5, options => '{"attribute": "kind"}')$$,
    $$recommend('als', 3, 5, 'dpp', 0.5, options => '{"similarity": "pairs"}')$$,
    $$recommend_all('als', 5, 'calibrated', 0.5, min_exposure => 2, options => '{"attribute": "kind", "exposure_attribute": "kind"}')$$,
    $$recommend_all('als', 5, 'mmr', 0.5, options => '{"similarity": "pairs"}')$$,
    $$evaluate('als', 'test', options => '{"attribute": "kind", "user_attribute": "kind", "user_attributes": "people"}')$$,
    $$compare('als', 'test', '{}', '{"method": "xquad", "strength": 0.5}')$$,
    $$autotune('als', 'test', apply => true)$$,
    $$models$$, $$model_versions$$, $$training_log$$, $$training_trials$$, $$training_progress$$]) c;

SELECT * FROM finish();

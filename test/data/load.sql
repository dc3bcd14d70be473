-- load.sql: Online Retail II (see online-retail/README.md) into schema retail, cleaned here, in the open.
--
--   psql -f test/data/load.sql                          from the top of the source tree
--   psql -v data=/path/to/test/data -f .../load.sql     from anywhere else
--
-- The files are read by psql, so that neither rights nor paths on the server are needed.  \copy expands no psql
-- variables, but the shell that runs gzip expands its own: that is why the folder travels as one.
\if :{?data}
  \setenv LONGTAIL_DATA :data
\endif

CREATE SCHEMA retail;

CREATE TABLE retail.users (
    user_id integer PRIMARY KEY,
    country text NOT NULL
);
\copy retail.users FROM PROGRAM 'gzip -dc "${LONGTAIL_DATA:-test/data}/online-retail/users.csv.gz"' (FORMAT csv, HEADER)

CREATE TEMPORARY TABLE raw_items (item_id text, description text, median_price numeric, first_ts bigint);
\copy raw_items FROM PROGRAM 'gzip -dc "${LONGTAIL_DATA:-test/data}/online-retail/items.csv.gz"' (FORMAT csv, HEADER)

CREATE TABLE retail.items (
    item_id text PRIMARY KEY,
    description text,
    price numeric, -- NULL: never sold for money
    first_sold timestamptz NOT NULL
);
INSERT INTO retail.items
SELECT item_id, description, median_price, to_timestamp(first_ts)
FROM raw_items;

CREATE TEMPORARY TABLE raw_lines (user_id integer, item_id text, quantity integer, price numeric, ts bigint);
\copy raw_lines FROM PROGRAM 'gzip -dc "${LONGTAIL_DATA:-test/data}/online-retail/purchases.csv.gz"' (FORMAT csv, HEADER)

-- A line at price 0 is a gift or a sample: nobody chose it.
CREATE TABLE retail.purchases (
    user_id integer NOT NULL,
    item_id text NOT NULL,
    quantity integer NOT NULL,
    price numeric NOT NULL,
    ts timestamptz NOT NULL
);
INSERT INTO retail.purchases
SELECT user_id, item_id, quantity, price, to_timestamp(ts)
FROM raw_lines
WHERE quantity > 0 AND price > 0;

TRUNCATE raw_lines;
\copy raw_lines FROM PROGRAM 'gzip -dc "${LONGTAIL_DATA:-test/data}/online-retail/returns.csv.gz"' (FORMAT csv, HEADER)

-- The shop books a return as a sale of a negative quantity.
CREATE TABLE retail.returns (
    user_id integer NOT NULL,
    item_id text NOT NULL,
    quantity integer NOT NULL,
    price numeric NOT NULL,
    ts timestamptz NOT NULL
);
INSERT INTO retail.returns
SELECT user_id, item_id, -quantity, price, to_timestamp(ts)
FROM raw_lines
WHERE quantity < 0;

CREATE TEMPORARY TABLE raw_anonymous (invoice integer, item_id text, quantity integer, price numeric, ts bigint);
\copy raw_anonymous FROM PROGRAM 'gzip -dc "${LONGTAIL_DATA:-test/data}/online-retail/anonymous_lines.csv.gz"' (FORMAT csv, HEADER)

-- Without a customer, price 0 and negative quantities are corrections of the stock, no sales.
CREATE TABLE retail.anonymous_lines (
    invoice integer NOT NULL,
    item_id text NOT NULL,
    quantity integer NOT NULL,
    price numeric NOT NULL,
    ts timestamptz NOT NULL
);
INSERT INTO retail.anonymous_lines
SELECT invoice, item_id, quantity, price, to_timestamp(ts)
FROM raw_anonymous
WHERE quantity > 0 AND price > 0;

DROP TABLE raw_items, raw_lines, raw_anonymous;

-- What a recommendation reads on every call: one user's purchases.
CREATE INDEX ON retail.purchases (user_id, item_id);
ANALYZE retail.users, retail.items, retail.purchases, retail.returns, retail.anonymous_lines;

-- What train tells beside its result. The rows are few and the figures beside the point.
CREATE TABLE purchase AS
SELECT u AS customer, 'item ' || i AS item, i * 1.5 AS price, point(u, i) AS place
FROM generate_series(1, 12) AS u, generate_series(1, 12) AS i WHERE (u * i) % 3 = 1;

-- a column of a type that can be no feature, one that should be none, and no index for live reads
SELECT model, rows FROM longtail.train('shop', 'purchase', 'logistic', 'customer', 'item');

-- advice is given once; what is left out is said again
SELECT model FROM longtail.retrain('shop', '{"promote": "always"}');

-- nothing to say
CREATE INDEX ON purchase (customer);
SELECT model, rows FROM longtail.train('shop', 'purchase', 'logistic', 'customer', 'item',
    options => '{"features": ["-price", "-place"]}');

-- with labels, a column of the row may well be meant
ALTER TABLE purchase ADD bought boolean;
UPDATE purchase SET bought = length(item) > 6;
SELECT model, rows FROM longtail.train('shop', 'purchase', 'logistic', 'customer', 'item', 'bought',
    options => '{"features": ["-place"]}');

-- titles, each its own, are no categories; read as text there is nothing to say
CREATE TABLE item AS
SELECT 'item ' || i AS item, 'the title of no. ' || i AS title, 'item''s maker ' || i % 2 AS maker FROM generate_series(1, 12) AS i;
SELECT model FROM longtail.train('shop', 'purchase', 'logistic', 'customer', 'item',
    item_features => 'item', options => '{"features": ["title", "maker"]}');
SELECT model FROM longtail.train('shop', 'purchase', 'logistic', 'customer', 'item',
    item_features => 'item', options => '{"features": ["title", "maker"], "text": ["title"]}');

-- an algorithm without features says so, and of the source's columns nothing
SELECT model, features FROM longtail.train('shop', 'purchase', 'item_knn', 'customer', 'item', item_features => 'item');

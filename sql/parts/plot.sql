-- Pictures, as SVG that stands alone.

CREATE FUNCTION longtail.markup(value text)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_markup' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.markup(text) IS
'A text made fit for HTML, SVG and XML, for pages of one''s own: escaped, in ASCII, without characters that XML forbids.';

CREATE FUNCTION longtail.plot_roc(scores float8[], labels boolean[])
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_roc' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.plot_roc(float8[], boolean[]) IS
'The ROC curve as a picture (SVG), with its area. Both classes must be there.';

CREATE FUNCTION longtail.plot_roc(model text, test regclass)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_roc_model' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_roc(text, regclass) IS
'The ROC curve, as a picture (SVG), of a model''s predictions for the rows of a relation with the columns of its source.';

-- With two untyped literals the other forms would leave the choice open.
CREATE FUNCTION longtail.plot_roc(model text, test text)
RETURNS text
LANGUAGE SQL STABLE STRICT PARALLEL UNSAFE
RETURN longtail.plot_roc(model, test::regclass);
COMMENT ON FUNCTION longtail.plot_roc(text, text) IS
'As plot_roc, with the name of the relation.';

CREATE FUNCTION longtail.plot_calibration(scores float8[], labels boolean[], bins integer DEFAULT 10)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_calibration' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.plot_calibration(float8[], boolean[], integer) IS
'A reliability diagram (SVG): how often what was predicted with a probability happened, in bins of equal width, and below it how many predictions each bin has.';

CREATE FUNCTION longtail.plot_calibration(model text, test regclass, bins integer DEFAULT 10)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_calibration_model' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_calibration(text, regclass, integer) IS
'A reliability diagram (SVG) of a model''s predictions for the rows of a relation with the columns of its source.';

CREATE FUNCTION longtail.plot_calibration(model text, test text, bins integer DEFAULT 10)
RETURNS text
LANGUAGE SQL STABLE STRICT PARALLEL UNSAFE
RETURN longtail.plot_calibration(model, test::regclass, bins);
COMMENT ON FUNCTION longtail.plot_calibration(text, text, integer) IS
'As plot_calibration, with the name of the relation.';

CREATE FUNCTION longtail.plot_training(model text, version integer DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_training' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.plot_training(text, integer) IS
'The learning curve of a version (NULL: the active one) as a picture (SVG): losses and the validation metric by epoch, and the epoch whose weights it has, where that is known.';

CREATE FUNCTION longtail.plot_tradeoff(model text, test regclass, k integer DEFAULT 10, method text DEFAULT 'popularity',
    strengths float8[] DEFAULT '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}', options jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_tradeoff' LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_tradeoff(text, regclass, integer, text, float8[], jsonb) IS
'What each strength of a method gains for the tail and costs in accuracy, as a picture (SVG) of what tradeoff returns. It marks the strength that shows most of the tail within 2 % of the plain NDCG; option ndcg_budget is another share. Other options are those of tradeoff; method NULL is the model''s own.';

CREATE FUNCTION longtail.plot_long_tail(model text, k integer DEFAULT 10, method text DEFAULT NULL,
    strength float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_long_tail' LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_long_tail(text, integer, text, float8, jsonb) IS
'The long tail as a picture (SVG): interactions by popularity, and whom lists of k show, plain and by a method (NULL: the model''s own). It asks 2,000 users, spread evenly; option users says how many, 0 all. Other options are those of the method, and seed.';

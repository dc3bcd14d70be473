\echo Use "ALTER EXTENSION longtail UPDATE TO '0.2.0'" to load this file. \quit

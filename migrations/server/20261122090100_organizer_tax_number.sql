ALTER TABLE organizer ADD COLUMN tax_number text NOT NULL DEFAULT '', ADD COLUMN version bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN organizer.tax_number IS 'Value added tax number or tax number, as receipts carry it';

SET LOCAL ROLE willcall_crossing;

CREATE FUNCTION crossing.found_organizer(slug text, name text, legal_name text, address text, bank_details text, accent text, now bigint, tax_number text)
RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ INSERT INTO organizer (slug, name, legal_name, address, bank_details, accent, created_at, tax_number)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING organizer_id $$;
COMMENT ON FUNCTION crossing.found_organizer(text, text, text, text, text, text, bigint, text) IS 'A new tenant: its number is not known before, so no tenant can insert it';
REVOKE ALL ON FUNCTION crossing.found_organizer(text, text, text, text, text, text, bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.found_organizer(text, text, text, text, text, text, bigint, text) TO willcall_app;

SET LOCAL ROLE willcall_owner;

-- Stations that are enrolled already must hear who sells: each tenant's own row goes through the feed once.
DO $$
DECLARE
    tenants bigint[];
    tenant bigint;
BEGIN
    SET LOCAL ROLE willcall_crossing;
    tenants := ARRAY(SELECT organizer_id FROM organizer ORDER BY organizer_id);
    SET LOCAL ROLE willcall_owner;
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('willcall.organizer', tenant::text, true);
        INSERT INTO change (organizer_id, kind, subject, at)
        VALUES (tenant, 'organizer', tenant::text, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
    END LOOP;
    PERFORM set_config('willcall.organizer', '', true);
END
$$;

-- The first process: a new file, filled in one transaction.
.bail on
pragma page_size = 4096;
create table item(id integer primary key, kind int not null, price real, name text);
create index item_kind on item(kind, price);
create virtual table note using fts5(body);

begin;
insert into item
  with recursive c(i) as (select 1 union all select i + 1 from c where i < 100000)
  select i, i * 7919 % 1009, (i * 104729 % 1000003) / 64.0, printf('item %d of %x', i, i * 31 % 65521) from c;
insert into note select name from item where id % 50 = 0;
commit;

-- Larger than the cache, so that the journal is needed to take it back.
pragma cache_size = 20;
begin;
update item set price = -price, name = name || ' again';
delete from item where kind < 500;
select count(*), min(price) from item;
rollback;

select count(*), sum(kind), round(sum(price), 3), max(length(name)) from item;
select kind, count(*) from item group by kind order by 2 desc, 1 limit 3;
pragma integrity_check;

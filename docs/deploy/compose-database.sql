-- The password is the one in secrets/database-url; change both.
create role regulars login password 'change-me';
create database regulars owner regulars;

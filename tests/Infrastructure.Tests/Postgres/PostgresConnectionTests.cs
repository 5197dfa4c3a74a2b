using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

public sealed class PostgresConnectionTests
{
    [Theory]
    [InlineData("postgresql://chat@127.0.0.1:5433/chat", "Host=127.0.0.1;Port=5433;Database=chat;Username=chat")]
    [InlineData("postgres://chat:s%40crt%2F@db.example/chat",
        "Host=db.example;Database=chat;Username=chat;Password=s@crt/")]
    [InlineData("postgresql://chat:a@b@db.example/chat", "Host=db.example;Database=chat;Username=chat;Password=a@b")]
    [InlineData("postgresql://%2Fvar%2Frun%2Fpg/chat?user=me", "Host=/var/run/pg;Database=chat;Username=me")]
    [InlineData("postgresql:///chat?host=/tmp/pg&port=5440&user=me",
        "Host=/tmp/pg;Port=5440;Database=chat;Username=me")]
    [InlineData("postgresql://me@[::1]:5555/chat", "Host=::1;Port=5555;Database=chat;Username=me")]
    [InlineData("postgresql://db.example", "Host=db.example")]
    [InlineData("postgresql://db.example/chat?sslmode=verify-full&connect_timeout=3&application_name=a%20b",
        "Host=db.example;Database=chat;SSL Mode=VerifyFull;Timeout=3;Application Name='a b'")]
    [InlineData("postgresql://one.example:1,two.example:2/chat?target_session_attrs=read-write",
        "Host='one.example:1,two.example:2';Database=chat;Target Session Attributes=read-write")]
    [InlineData("Host=db.example;Username=chat;Maximum Pool Size=7",
        "Host=db.example;Username=chat;Maximum Pool Size=7")]
    public void Takes_the_URIs_of_libpq_and_the_strings_of_Npgsql(string text, string expected) =>
        Assert.Equivalent(new NpgsqlConnectionStringBuilder(expected), PostgresConnection.Parse(text));

    [Theory]
    [InlineData("postgresql://db.example:port/chat")]
    [InlineData("postgresql://db.example/chat?sslmode=sometimes")]
    [InlineData("postgresql://db.example/chat?colour=red")]
    [InlineData("mysql://db.example/chat")]
    public void Says_so_when_it_is_neither_and_shows_no_password(string text)
    {
        var exception = Assert.Throws<FormatException>(() => PostgresConnection.Parse(text));
        Assert.DoesNotContain(text, exception.Message);
    }
}

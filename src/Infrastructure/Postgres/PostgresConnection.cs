using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Connection strings to PostgreSQL: Npgsql's own form, or libpq's URI (PostgreSQL 15 documentation, section 34.1.1.2),
/// whose host may be a socket directory.
/// </summary>
public static class PostgresConnection
{
    /// <exception cref="FormatException">The text has neither form.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string connection)
    {
        try
        {
            var isUri = connection.StartsWith("postgresql://", StringComparison.Ordinal)
                || connection.StartsWith("postgres://", StringComparison.Ordinal);
            return isUri
                ? ParseUri(connection)
                : new NpgsqlConnectionStringBuilder(connection);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            throw new FormatException(
                "ConnectionStrings:Postgres is neither a libpq URI nor in Npgsql's form.", exception);
        }
    }

    private static NpgsqlConnectionStringBuilder ParseUri(string text)
    {
        var rest = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var query = Cut(ref rest, '?');
        var database = Cut(ref rest, '/');
        var at = rest.LastIndexOf('@');
        var credentials = at < 0 ? "" : rest[..at];
        var address = rest[(at + 1)..];

        var builder = new NpgsqlConnectionStringBuilder();
        if (credentials.Length > 0)
        {
            var password = Cut(ref credentials, ':');
            builder.Username = Uri.UnescapeDataString(credentials);
            builder.Password = password is null ? null : Uri.UnescapeDataString(password);
        }

        if (address.Length > 0)
            SetAddress(builder, address);
        if (!string.IsNullOrEmpty(database))
            builder.Database = Uri.UnescapeDataString(database);
        foreach (var pair in (query ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = pair;
            Set(builder, Cut(ref name, '=') is { } value ? Uri.UnescapeDataString(value) : "", name);
        }

        return builder;
    }

    private static void SetAddress(NpgsqlConnectionStringBuilder builder, string address)
    {
        if (address.Contains(',', StringComparison.Ordinal))
        {
            builder.Host = address; // Several servers: Npgsql and libpq write the list the same way.
            return;
        }

        var colon = address.LastIndexOf(':');
        if (colon > address.LastIndexOf(']'))
        {
            builder.Port = int.Parse(address[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture);
            address = address[..colon];
        }

        builder.Host = Uri.UnescapeDataString(address).Trim('[', ']');
    }

    private static void Set(NpgsqlConnectionStringBuilder builder, string value, string name)
    {
        switch (name)
        {
            case "host":
                builder.Host = value;
                break;
            case "port":
                builder.Port = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture);
                break;
            case "user":
                builder.Username = value;
                break;
            case "password":
                builder.Password = value;
                break;
            case "dbname":
                builder.Database = value;
                break;
            case "target_session_attrs":
                builder.TargetSessionAttributes = value;
                break;
            case "sslrootcert":
                builder.RootCertificate = value;
                break;
            case "sslcert":
                builder.SslCertificate = value;
                break;
            case "sslkey":
                builder.SslKey = value;
                break;
            case "sslmode":
                builder.SslMode = Enum.Parse<SslMode>(
                    value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
                break;
            case "connect_timeout":
                builder.Timeout = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture);
                break;
            case "application_name":
                builder.ApplicationName = value;
                break;
            default:
                builder[name.Replace('_', ' ')] = value;
                break;
        }
    }

    /// <summary>Cuts a text at the first occurrence of a mark.</summary>
    /// <returns>The text after the mark; null without a mark.</returns>
    private static string? Cut(ref string text, char mark)
    {
        var index = text.IndexOf(mark, StringComparison.Ordinal);
        if (index < 0)
            return null;
        var tail = text[(index + 1)..];
        text = text[..index];
        return tail;
    }
}

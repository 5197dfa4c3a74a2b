namespace ChatCqrs.Domain;

/// <summary>A person with an account.</summary>
public readonly record struct UserId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>One installation of a client, signed in as one user.</summary>
public readonly record struct DeviceId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A direct or group conversation.</summary>
public readonly record struct ConversationId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>The idempotency key of a message, chosen by the client that sends it.</summary>
public readonly record struct MessageId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>An upload of one user. Several files may share the same bytes.</summary>
public readonly record struct FileId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>An auditor's request to open content, with its reason and scope.</summary>
public readonly record struct MatterId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A legal hold: what it covers is neither truncated nor made unreadable until it is released.</summary>
public readonly record struct HoldId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// A place in the whole log. Positions grow; compare them only, never calculate: one event store counts events, another
/// bytes. <see cref="Start"/> is before the first event.
/// </summary>
public readonly record struct LogPosition(ulong Value) : IComparable<LogPosition>
{
    public static readonly LogPosition Start;

    public static bool operator <(LogPosition left, LogPosition right) => left.Value < right.Value;
    public static bool operator >(LogPosition left, LogPosition right) => left.Value > right.Value;
    public static bool operator <=(LogPosition left, LogPosition right) => left.Value <= right.Value;
    public static bool operator >=(LogPosition left, LogPosition right) => left.Value >= right.Value;

    public int CompareTo(LogPosition other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>A witness of a policy.</summary>
/// <param name="Name">Its name in the policy.</param>
/// <param name="Key">Who verifies its cosignatures.</param>
/// <param name="Prefix">Its submission prefix, which ends with a slash; null where the policy names none.</param>
internal sealed record PolicyWitness(string Name, VerifierKey Key, Uri? Prefix);

/// <summary>
/// Who has to cosign a log's checkpoints (c2sp.org/tlog-policy). Keys of logs are read, and otherwise passed over: the
/// log is known. Of keys only Ed25519 is supported.
/// </summary>
internal sealed class WitnessPolicy
{
    /// <summary>The most logs, witnesses and groups, of each; the format asks for 32.</summary>
    public const int EntriesMax = 32;

    /// <summary>The most bytes of a policy.</summary>
    public const int SizeMax = 64 * 1024;

    private const string None = "none";
    private static readonly char[] Blanks = [' ', '\t'];

    private readonly Dictionary<string, Group?> _names = new(StringComparer.Ordinal); // A witness has no group.
    private readonly HashSet<string> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _logKeys = new(StringComparer.Ordinal);
    private readonly List<PolicyWitness> _witnesses = [];
    private string? _quorum;

    private WitnessPolicy()
    {
    }

    /// <summary>The witnesses, in the policy's order.</summary>
    public IReadOnlyList<PolicyWitness> Witnesses => _witnesses;

    /// <summary>Whether the policy asks for any cosignature.</summary>
    public bool HasQuorum => _quorum != None;

    /// <param name="policy">The file's bytes. Names are compared byte by byte.</param>
    /// <exception cref="FormatException">It is no policy; the message begins with the line's number.</exception>
    public static WitnessPolicy Parse(ReadOnlySpan<byte> policy)
    {
        if (policy.Length > SizeMax)
            throw new FormatException($"A policy has at most {SizeMax} bytes.");
        var parsed = new WitnessPolicy();
        var number = 0;
        while (policy.Length > 0)
        {
            number++;
            var end = policy.IndexOf((byte)'\n');
            try
            {
                if (end < 0)
                    throw new FormatException("the line does not end with a newline");
                parsed.Read(policy[..end]);
            }
            catch (FormatException fault)
            {
                throw new FormatException(
                    string.Create(CultureInfo.InvariantCulture, $"line {number}: {fault.Message}"));
            }

            policy = policy[(end + 1)..];
        }

        return parsed._quorum is not null
            ? parsed
            : throw new FormatException(string.Create(
                CultureInfo.InvariantCulture, $"line {number}: the policy ends without a quorum line"));
    }

    /// <summary>Whether these witnesses are enough.</summary>
    public bool IsMetBy(IReadOnlyCollection<PolicyWitness> cosigners)
    {
        var names = cosigners.Select(witness => witness.Name).ToHashSet(StringComparer.Ordinal);
        return !HasQuorum || Holds(_quorum!);

        bool Holds(string name) => _names[name] is { } group
            ? group.Members.Count(Holds) >= group.Threshold // Groups name earlier ones, so it ends.
            : names.Contains(name);
    }

    private void Read(ReadOnlySpan<byte> octets)
    {
        foreach (var octet in octets)
        {
            if (octet is < 0x20 and not 0x09 or 0x7F)
                throw new FormatException($"there is a control character (0x{octet:x2})");
        }

        // One character a byte: names are opaque bytes.
        var items = Encoding.Latin1.GetString(octets).Split(Blanks, StringSplitOptions.RemoveEmptyEntries);
        if (items.Length == 0 || items[0].StartsWith('#'))
            return;
        switch (items)
        {
            case ["log", var vkey]:
                AddLog(vkey, null);
                break;
            case ["log", var vkey, var url]:
                AddLog(vkey, url);
                break;
            case ["witness", var name, var vkey]:
                AddWitness(name, vkey, null);
                break;
            case ["witness", var name, var vkey, var url]:
                AddWitness(name, vkey, url);
                break;
            case ["group", var name, var threshold, .. { Length: > 0 } members]:
                AddGroup(name, threshold, members);
                break;
            case ["quorum", var name]:
                SetQuorum(name);
                break;
            default:
                throw new FormatException(
                    "a line is \"log KEY [URL]\", \"witness NAME KEY [URL]\", \"group NAME all|any|NUMBER NAME...\" or "
                    + "\"quorum NAME\"");
        }
    }

    private void AddLog(string vkey, string? url)
    {
        var key = KeyOf(vkey, SignatureType.Note);
        if (url is not null)
            _ = UrlOf(url);
        if (_logKeys.Count == EntriesMax)
            throw new FormatException($"there are more than {EntriesMax} logs");
        if (!_logKeys.Add(Convert.ToHexString(key.Raw.Span)))
            throw new FormatException("another log has this key");
    }

    private void AddWitness(string name, string vkey, string? url)
    {
        var key = KeyOf(vkey, SignatureType.Cosignature);
        if (_witnesses.Count == EntriesMax)
            throw new FormatException($"there are more than {EntriesMax} witnesses");
        if (_witnesses.Any(witness => witness.Key.Raw.Span.SequenceEqual(key.Raw.Span)))
            throw new FormatException("another witness has this key");
        Define(name, null);
        _witnesses.Add(new PolicyWitness(name, key, url is null ? null : UrlOf(url)));
    }

    private void AddGroup(string name, string threshold, string[] members)
    {
        if (_names.Values.Count(group => group is not null) == EntriesMax)
            throw new FormatException($"there are more than {EntriesMax} groups");
        foreach (var member in members)
        {
            if (!_names.ContainsKey(member))
                throw new FormatException($"no line before defines {member}");
            if (!_members.Add(member))
                throw new FormatException($"{member} is a member already");
        }

        Define(name, new Group(
            threshold switch { "all" => members.Length, "any" => 1, _ => ThresholdOf(threshold, members.Length) },
            members));
    }

    private static int ThresholdOf(string text, int members) =>
        TextLines.Number(text) is >= 1 and var threshold && threshold <= members
            ? (int)threshold
            : throw new FormatException($"the threshold of {members} members is 1 to {members}");

    private void SetQuorum(string name)
    {
        if (_quorum is not null)
            throw new FormatException("there is a quorum already");
        if (name != None && !_names.ContainsKey(name))
            throw new FormatException($"no line before defines {name}");
        _quorum = name;
    }

    private void Define(string name, Group? group)
    {
        if (name == None || !_names.TryAdd(name, group))
            throw new FormatException($"the name {name} is taken");
    }

    private static VerifierKey KeyOf(string vkey, SignatureType type)
    {
        var key = VerifierKey.Parse(TextOf(vkey));
        return key.Type == type
            ? key
            : throw new FormatException($"the key is of the type {(byte)key.Type}, not {(byte)type}");
    }

    private static Uri UrlOf(string url) =>
        Uri.TryCreate(TextOf(url).TrimEnd('/') + "/", UriKind.Absolute, out var uri)
            && uri is { Scheme: "https" or "http", Query: "", Fragment: "", UserInfo: "" }
                ? uri
                : throw new FormatException("the URL is no http or https address, or has a query");

    private static string TextOf(string octets) => TextLines.Decode(Encoding.Latin1.GetBytes(octets));

    private sealed record Group(int Threshold, IReadOnlyList<string> Members);
}

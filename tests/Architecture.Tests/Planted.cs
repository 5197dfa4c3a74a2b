#pragma warning disable IDE0130 // These namespaces violate a rule on purpose.

namespace ChatCqrs.Architecture.Tests.Planted.First
{
    internal sealed class Signature(Second.Body body)
    {
        public Second.Body Body { get; } = body;
    }
}

namespace ChatCqrs.Architecture.Tests.Planted.Second
{
    internal sealed class Body
    {
        public override string ToString() => Third.Generic.Describe();
    }
}

namespace ChatCqrs.Architecture.Tests.Planted.Third
{
    internal static class Generic
    {
        public static string Describe() =>
            string.Join(",", Array.Empty<First.Signature>().Select(item => item.Body)) + Fourth.Leaf.Name;
    }
}

namespace ChatCqrs.Architecture.Tests.Planted.Fourth
{
    internal static class Leaf
    {
        public static string Name { get; } = "leaf";
    }
}

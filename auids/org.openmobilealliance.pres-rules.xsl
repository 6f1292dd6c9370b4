<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: BSD-2-Clause -->
<!-- What OMA's presence rules may not say: more than one kind of condition about who watches, and
     transformations for somebody who is not let in. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
	xmlns:cp="urn:ietf:params:xml:ns:common-policy"
	xmlns:ocp="urn:oma:xml:xdm:common-policy"
	xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
	exclude-result-prefixes="cp ocp pr">
	<xsl:output method="xml" omit-xml-declaration="yes"/>

	<xsl:template match="/">
		<xsl:variable name="complex" select="/cp:ruleset/cp:rule[count(cp:conditions/cp:identity
			| cp:conditions/ocp:external-list | cp:conditions/ocp:other-identity
			| cp:conditions/ocp:anonymous-request) &gt; 1]"/>
		<xsl:variable name="idle" select="/cp:ruleset/cp:rule[cp:transformations/*
			and cp:actions/pr:sub-handling[normalize-space() != 'allow']]"/>
		<xsl:choose>
			<xsl:when test="$complex">
				<constraint-failure phrase="element conditions: Complex rules are not allowed"/>
			</xsl:when>
			<xsl:when test="$idle">
				<constraint-failure phrase="element transformations: must be empty where sub-handling is not allow"/>
			</xsl:when>
		</xsl:choose>
	</xsl:template>
</xsl:stylesheet>
